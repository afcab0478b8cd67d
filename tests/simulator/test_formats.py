"""Simulated terminals of every codec, through a real bridge into the tables."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from deploy import reference
from deploy.simulator import fleet, formats, running
from deploy.simulator.behaviour import Behaviour
from deploy.simulator.fleet import FleetInvalid, Member
from deploy.simulator.ledger import Entry, Ledger, entries
from deploy.simulator.running import Broker
from deploy.simulator.script import Script
from foundation.database import Pool, transaction
from foundation.settings import Settings
from registry import api_keys, gateways, profiles, terminals, wire_names
from registry.codecs import CODECS
from registry.identifiers import TerminalCode, WireName
from registry.model import TerminalState
from registry.scope import Role
from tests.api.conftest import asking
from tests.broker_bridge.running import Bridge, read
from tests.conftest import Database, TestBroker
from tests.country import JIANGSU, everything, settled

PROFILES = {profile.code: profile for profile in reference.sector_profiles()}
NAMES = {
    "jt808_vehicle": "jt808_phone:13900000001",
    "dlt645_meter": "meter_address:000000000012",
    "dc09_panel": "dc09_account:ABCD",
}
DLT645_ANSWERS = 7
START = 1_795_400_000.0
BESIDE = {"dlt645_meter": "CONCENTRATOR", "dc09_panel": "RECEIVER"}


def one(profile: str, code: str, **fields: Any) -> Member:
    """A member of a sector's profile, whose code is its password."""
    found = PROFILES[profile]
    return Member(
        code=code,
        password=code,
        profile=profile,
        metrics=found.metrics,
        codec=found.codec,
        codec_options=dict(found.codec_options),
        **fields,
    )


def one_of(profile: str) -> list[Member]:
    """A terminal, and the gateway before it where it is behind one."""
    gateway = BESIDE.get(profile)
    terminal = one(
        profile,
        f"T-{profile}",
        interval_seconds=1.0,
        wire_name=NAMES.get(profile),
        gateway=gateway,
    )
    return [terminal] if gateway is None else [one(profile, gateway), terminal]


@given(jitter=st.floats(0, 1), interval=st.floats(1, 3), seed=st.integers(0, 99))
def test_no_two_readings_share_a_second_where_a_format_tells_no_less(
    jitter: float, interval: float, seed: int
) -> None:
    """They would be two different readings of one time, which the platform refuses."""
    vehicle = one("jt808_vehicle", "T-1", wire_name=NAMES["jt808_vehicle"])
    knobs = Behaviour(seed=seed, jitter=jitter, interval_seconds=interval)
    times = [line.message.ts_ms for line in islice(Script(vehicle, knobs, 1).lines(START), 60)]
    assert len(times) == len(set(times))


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country."""
    async with settled(database) as opened:
        yield opened


async def enrol(pool: Pool, members: list[Member]) -> None:
    """Put members on the roll in service, with their names, behind their gateways."""
    async with transaction(pool, everything.settings()) as conn:
        await profiles.define(conn, everything, PROFILES[members[0].profile])
        for member in members:
            await terminals.register(
                conn,
                everything,
                code=TerminalCode(member.code),
                profile=member.profile,
                region=JIANGSU,
                group_client="power-js",
                state=TerminalState.IN_SERVICE,
            )
            if member.gateway is not None:
                await gateways.put_behind(conn, everything, member.code, member.gateway)
            if member.wire_name is not None:
                name = WireName.parse(member.wire_name)
                await wire_names.give(conn, everything, member.code, name)


async def played(broker: TestBroker, members: list[Member], path: Path, count: int) -> list[Entry]:
    """What was sent of this fleet's script in so many messages, without hello and status."""
    broker.admit(*(member.code for member in members if member.gateway is None))
    at = Broker(broker.server.host, broker.server.port)
    with Ledger(path) as ledger:
        await running.run(members, Behaviour(jitter=0.0), at, ledger, asyncio.Event(), count=count)
    return [entry for entry in entries(path) if entry.kind in {"reading", "event"}]


async def assert_told_by_the_api(database: Database, code: str, profile: str) -> None:
    """What was said on the topic is answered by the API: newest readings, or events."""
    settings = Settings.model_validate({"database_url": database.api, "second_factor": "off"})
    application = create_app(settings)
    async with application.router.lifespan_context(application):
        async with transaction(application.state.pool, everything.settings()) as conn:
            key = await api_keys.issue(conn, everything, name="e2e", role=Role.ADMIN)
        async with asking(application, key.secret) as client:
            address = f"/api/v1/terminals/{code}"
            if profile == "dc09_panel":
                told = (await client.get(f"{address}/events")).json()["items"]
                assert "supervision" in {event["code"] for event in told}
            else:
                metric = PROFILES[profile].metrics[0].name
                window = {"metric": metric, "from": "2026-01-01T00:00:00Z"}
                answer = await client.get(f"{address}/telemetry", params=window)
                assert answer.status_code == 200, answer.text
                assert [value for value in answer.json()["columns"][metric] if value is not None]


@pytest.mark.parametrize("profile", PROFILES)
async def test_what_a_simulated_terminal_says_is_stored(
    database: Database, broker: TestBroker, pool: Pool, tmp_path: Path, profile: str
) -> None:
    """Each message a row of the terminal that it is of, by whose connection it came; nothing is
    quarantined."""
    members = one_of(profile)
    await enrol(pool, members)

    with Bridge(database, broker).ready() as bridge:
        book = await played(broker, members, tmp_path / "ledger.jsonl", 3)
        bridge.settle(3 + 3 * sum(member.gateway is None for member in members))
        assert set(bridge.fates()) == {"stored"}

    code = members[-1].code
    await assert_told_by_the_api(database, code, profile)
    assert {entry.terminal for entry in book} == {code}
    assert {entry.topic for entry in book} == {f"m2m/v1/{members[0].code}/telemetry"}
    assert read(database, "select reason from telemetry.quarantine") == []
    table = "event" if profile == "dc09_panel" else profile
    rows = read(
        database,
        f"select r.* from telemetry.{table} r join registry.terminal t"
        " on t.id = r.terminal_id where t.code = %s order by r.time",
        code,
    )
    assert len(book) == 3
    if profile == "dlt645_meter":  # an answer for each identifier, which is a row of its own
        assert len(rows) == 3 * DLT645_ANSWERS
    else:
        assert [round(row["time"].timestamp() * 1000) for row in rows] == [e.ts_ms for e in book]
    if table == "event":
        assert {row["code"] for row in rows} >= {"supervision"}
    else:
        said = [metric.name for metric in PROFILES[profile].metrics]
        assert [name for name in said if all(row[name] is None for row in rows)] == []


@pytest.mark.parametrize("codec", sorted(set(CODECS) - {"json"}))
def test_every_codec_has_its_format(codec: str) -> None:
    """And a profile that shows it."""
    assert formats.of(codec) is not None
    assert [profile for profile in PROFILES.values() if profile.codec == codec]


def test_a_cut_frame_is_to_be_quarantined() -> None:
    """With `broken`, in any format; what is sent twice of a clockless meter is stored twice."""
    meter = one_of("dlt645_meter")[1]
    lines = Script(meter, Behaviour(broken=1.0), 1).lines(START)
    assert next(lines).message.expected == "quarantined:malformed"

    again = Script(meter, Behaviour(duplicates=1.0), 1).lines(START)
    first, second = next(again).message, next(again).message
    assert first.payload == second.payload
    assert (first.expected, second.expected) == ("stored", "stored")
    vehicle = Script(one_of("jt808_vehicle")[0], Behaviour(duplicates=1.0), 1).lines(START)
    assert [next(vehicle).message.expected for _ in range(2)] == ["stored", "duplicate"]


def test_frames_come_as_the_profile_has_them_written() -> None:
    """Raw, in hexadecimal or in base64."""
    vehicle = one_of("jt808_vehicle")[0]
    raw, in_hex, in_base64 = (
        next(
            Script(
                vehicle.model_copy(update={"codec_options": {"text": text}}), Behaviour(), 1
            ).lines(START)
        ).message.payload
        for text in ("raw", "hex", "base64")
    )
    assert raw[0] == raw[-1] == 0x7E
    assert bytes.fromhex(in_hex.decode()) == raw
    assert in_base64.startswith(b"fgIA")


def test_a_gateway_must_be_in_the_file(tmp_path: Path) -> None:
    """Who is behind nobody cannot be heard."""
    file = tmp_path / "fleet.jsonl"
    gateway, meter = one_of("dlt645_meter")
    fleet.write(file, [gateway, meter])
    assert [member.gateway for member in fleet.read(file)] == [None, "CONCENTRATOR"]
    fleet.write(file, [meter])
    with pytest.raises(FleetInvalid, match="CONCENTRATOR, the gateway of T-dlt645_meter"):
        fleet.read(file)
