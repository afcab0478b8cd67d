"""SIM binding in the message path, with a real broker and a real database: what is said, and told.

What becomes of a terminal and its messages by the action of its rule, and what is nobody's to say.
"""

import time
from collections.abc import AsyncIterator

import pytest

from foundation.database import Pool
from registry.bindings import BindingAction, Mode
from tests.broker_bridge.identified import (
    APART,
    OK,
    UNPROVEN,
    Meter,
    at_home,
    bind,
    enrol,
    told,
    verdict,
)
from tests.broker_bridge.running import SECONDS, Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country."""
    async with at_home(database) as opened:
        yield opened


async def test_what_becomes_of_a_violation_is_the_rules_action(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """By `log` a line, by `event` an event; `isolate` stops the readings, `refuse` the message.

    Who identifies itself beside its values is held against its rule in the same batch.
    """
    meters = {action: Meter(k) for k, action in enumerate(BindingAction, 1)}
    await enrol(pool, broker, meters.values())
    for action, meter in meters.items():
        await bind(pool, meter, meter.rule(Mode.EXACT, action))
    base = now_ms() - 3_600_000
    sent = 0
    with Bridge(database, broker).ready() as bridge:
        for meter in meters.values():
            with Publisher(broker, meter.code) as speaker:
                who = {k: v for k, v in meter.other_type().items() if k != "boot"}
                speaker.say({"ts": base, **who, "values": {"voltage_a": 230.0}})
            sent += 1
        bridge.settle(sent)
        assert {await verdict(pool, meter) for meter in meters.values()} == {APART}
        assert told(database) == {
            meter.code: ["separation"] for action, meter in meters.items() if action != "log"
        }
        isolated = meters[BindingAction.ISOLATE]
        deadline = time.monotonic() + SECONDS
        with Publisher(broker, isolated.code) as speaker:
            while bridge.fates().get("not_in_service", 0) == 0:  # within a second
                assert time.monotonic() < deadline
                sent += 1
                speaker.say({"ts": base + sent, "voltage_a": 231.0})
                bridge.settle(sent)
        with Publisher(broker, meters[BindingAction.REFUSE].code) as speaker:
            speaker.say({"ts": base + 1, "voltage_a": 231.0})
            speaker.say(meters[BindingAction.REFUSE].truth, channel="hello")
        bridge.settle(sent + 2)
        fates, log = bridge.fates(), bridge.said()
    assert (fates["wrong_identity"], fates["not_in_service"]) == (1, 1)
    assert log.count("finding=separation") + log.count('"finding": "separation"') == 1
    states = read(
        database,
        "select code, state, state_reason from registry.terminal where state <> 'in_service'",
    )
    assert states == [
        {"code": isolated.code, "state": "isolated", "state_reason": "identity.separation"}
    ]
    stored = read(
        database,
        "select t.code, count(*) as n from telemetry.meter m join registry.terminal t"
        " on t.id = m.terminal_id where m.voltage_a = 230 group by 1",
    )
    assert {row["code"] for row in stored} == {
        meter.code for action, meter in meters.items() if action is not BindingAction.REFUSE
    }
    assert await verdict(pool, meters[BindingAction.REFUSE]) == OK


async def test_one_credential_in_two_places(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Two boots of one code that take turns are told once; a new boot each time is a poor modem."""
    shared, restless = Meter(1), Meter(2)
    await enrol(pool, broker, [shared, restless])
    with Bridge(database, broker).ready() as bridge:
        with Publisher(broker, shared.code) as speaker:
            for boot in "abababab":
                speaker.say({"boot": boot}, channel="hello")
        with Publisher(broker, restless.code) as speaker:
            for boot in "abcdefgh":
                speaker.say({"boot": boot}, channel="hello")
        bridge.settle(16)
    assert told(database) == {shared.code: ["credential_shared"]}


async def test_no_terminal_speaks_in_the_platforms_name(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """An event with a code of ours is refused, and a number that is none is refused alone."""
    meter = Meter(1)
    await enrol(pool, broker, [meter])
    await bind(pool, meter, meter.rule(Mode.EXACT))
    with Bridge(database, broker).ready() as bridge:
        with Publisher(broker, meter.code) as speaker:
            speaker.say({"code": "identity.restored"}, channel="event")
            speaker.say(meter.truth | {"imei": meter.imei()[:-1] + "x"}, channel="hello")
        bridge.settle(2)
        assert bridge.fates() == {"malformed": 2}
    assert told(database) == {}
    assert await verdict(pool, meter) == UNPROVEN
