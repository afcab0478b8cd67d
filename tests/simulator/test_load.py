"""The load generator sends what it counts, and its numbers say which rows must exist."""

import asyncio
import subprocess
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest

from deploy.simulator.load import Load, LoadRefused, read_accounts, read_gauges, send
from deploy.simulator.numbered import GAUGES, Gauge, Numbering
from deploy.simulator.pipe import Account
from deploy.simulator.running import Broker
from tests.conftest import TestBroker
from tests.simulator.listening import listening, until

NUMBERING = Numbering(base_ms=1_795_000_000_000, step_ms=1000, per_terminal=500)
CODES = ["LOAD-1", "LOAD-2", "LOAD-3"]
ACCOUNTS = [Account(code, code, [code]) for code in CODES]


def expected_payloads() -> Counter[tuple[str, bytes]]:
    return Counter(
        (f"m2m/v1/{code}/telemetry", payload)
        for code in CODES
        for payload in NUMBERING.payloads(code)
    )


def set_off() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@pytest.mark.parametrize("qos", [0, 1])
async def test_every_counted_message_reaches_a_subscriber(broker: TestBroker, qos: int) -> None:
    """At both levels, what was counted is what was numbered and what was heard."""
    broker.admit(*CODES)
    load = Load(Broker(broker.server.host, broker.server.port), ACCOUNTS, NUMBERING, qos, window=50)

    async with listening(broker) as heard:
        sent = await send(load, set_off(), asyncio.Event())
        await until(lambda: len(heard) >= 1500)

    assert Counter(heard) == expected_payloads()
    assert (sent.messages, sent.acknowledged) == (1500, 1500 * qos)
    assert sent.by_account == dict.fromkeys(CODES, 500)
    assert sent.first_us <= sent.last_us
    assert (sent.resent, sent.cuts) == (0, 0)


async def test_load_goes_on_after_the_broker_restarts(broker: TestBroker) -> None:
    """Every message is acknowledged in the end; what had no PUBACK is sent again."""
    broker.admit(*CODES)
    load = Load(
        Broker(broker.server.host, broker.server.port), ACCOUNTS, NUMBERING, 1, window=50, rate=3000
    )

    ready = asyncio.Event()
    sending = asyncio.create_task(send(load, set_off(), ready))
    await ready.wait()
    async with listening(broker) as heard:
        await until(lambda: len(heard) > 50)
    broker.server.stop()
    broker.server.start()
    sent = await sending

    assert sent.acknowledged == sent.messages == 1500
    assert sent.cuts >= 3


async def test_load_with_a_wrong_password_is_refused(broker: TestBroker) -> None:
    """At once, with the broker's reason."""
    load = Load(Broker(broker.server.host, broker.server.port), ACCOUNTS, NUMBERING)
    with pytest.raises(LoadRefused, match="NOT_AUTHORIZED"):
        await send(load, set_off(), asyncio.Event())


async def test_load_for_anothers_topic_is_refused(broker: TestBroker) -> None:
    """A PUBACK that says no is not counted as an acknowledgement."""
    broker.admit("LOAD-1")
    thief = Account("LOAD-1", "LOAD-1", ["LOAD-2"])
    load = Load(Broker(broker.server.host, broker.server.port), [thief], NUMBERING)
    with pytest.raises(LoadRefused, match="NOT_AUTHORIZED"):
        await send(load, set_off(), asyncio.Event())


def test_numbers_make_every_terminal_and_time_unique() -> None:
    """And they are the same at every reading, different between terminals."""
    seen = set()
    for code in CODES:
        for number, payload in enumerate(NUMBERING.payloads(code), 1):
            fields = orjson.loads(payload)
            assert fields["seq"] == number
            assert list(fields["values"]) == [gauge.name for gauge in GAUGES]
            for gauge in GAUGES:
                assert gauge.low <= fields["values"][gauge.name] <= gauge.high
            seen.add((code, fields["ts"]))
    assert len(seen) == 1500
    assert list(NUMBERING.payloads("a")) == list(NUMBERING.payloads("a"))
    assert list(NUMBERING.payloads("a")) != list(NUMBERING.payloads("b"))


def test_gauges_are_read_from_one_argument() -> None:
    """Name, range and decimals."""
    assert read_gauges("voltage_a:200:240:1,n:0:5:0") == (
        Gauge("voltage_a", 200.0, 240.0, 1),
        Gauge("n", 0.0, 5.0, 0),
    )


def test_accounts_may_speak_for_many_or_for_themselves(tmp_path: Path) -> None:
    """An accounts file and a fleet file are both understood."""
    path = tmp_path / "accounts"
    path.write_text(
        '{"username":"u","password":"p","terminals":["a","b"]}\n{"code":"c","password":"q"}\n'
    )
    assert read_accounts(path) == [Account("u", "p", ["a", "b"]), Account("c", "q", ["c"])]


def test_the_process_waits_for_its_start_and_prints_its_count(
    broker: TestBroker, tmp_path: Path
) -> None:
    """One line when it is ready, one when it is done."""
    broker.admit("LOAD-1")
    accounts = tmp_path / "accounts"
    accounts.write_text('{"code":"LOAD-1","password":"LOAD-1"}\n')
    url = f"mqtt://{broker.server.host}:{broker.server.port}"
    arguments = ["--broker", url, "--accounts", str(accounts), "--messages", "20", "--wait"]
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.simulator.load", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert orjson.loads(process.stdout.readline()) == {"ready": True}
        process.stdin.write(b"\n")
        process.stdin.flush()
        sent = orjson.loads(process.stdout.readline())
        assert process.wait(20) == 0
    assert (sent["messages"], sent["acknowledged"]) == (20, 20)
