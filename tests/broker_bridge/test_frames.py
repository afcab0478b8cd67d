"""Frames of the three sectors from their topic to the tables, for terminals behind a gateway."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor

import psycopg
import pytest

from broker_bridge.decoders.sia_dc09 import crc16
from foundation.database import Pool, open_pool, transaction
from registry import gateways, profiles, terminals, wire_names
from registry.identifiers import TerminalCode, WireName
from registry.model import DeviceProfile, Metric, MetricType, TerminalState
from telemetry import fragments
from tests.broker_bridge.running import Bridge, Publisher, read
from tests.conftest import Database, TestBroker
from tests.country import JIANGSU, METER, VOLTAGE, everything, settled


def number(name: str, unit: str | None = None, kind: MetricType = MetricType.DOUBLE) -> Metric:
    """A metric without a range."""
    return Metric(name, kind, unit, None, None, None, name, name)


SENSOR = replace(METER, code="sensor", codec="senml+json", metrics=(number("temperature", "Cel"),))
TRACKER = replace(
    METER,
    code="tracker",
    codec="jt808",
    metrics=(
        number("latitude", "deg"), number("longitude", "deg"), number("speed_kmh", "km/h"),
        number("alarm_bits", kind=MetricType.BIGINT), number("mileage_km", "m"),
    ),
)  # fmt: skip
PANEL = replace(METER, code="panel", codec="sia-dc09", codec_options={"text": "raw"})
WIRED = replace(METER, code="wired", codec="dlt645", metrics=(VOLTAGE, number("energy_kwh", "W.h")))


async def enrol(pool: Pool, profile: DeviceProfile, *named: tuple[str, WireName | None]) -> None:
    """The profile, a gateway G of it, and terminals behind it with their names."""
    async with transaction(pool, everything.settings()) as conn:
        await profiles.define(conn, everything, profile)
        for code, name in named:
            await terminals.register(
                conn,
                everything,
                code=TerminalCode(code),
                profile=profile.code,
                region=JIANGSU,
                group_client="power-js",
                state=TerminalState.IN_SERVICE,
            )
            if name is not None:
                await gateways.put_behind(conn, everything, code, "G")
                await wire_names.give(conn, everything, code, name)


@pytest.fixture
async def pool(database: Database, broker: TestBroker) -> AsyncIterator[Pool]:
    """The small country; the gateway G may connect."""
    broker.admit("G")
    async with settled(database) as opened:
        yield opened


def jt808(
    message: int, body: bytes, *, phone: str, serial: int = 1, of: tuple[int, int] | None = None
) -> bytes:
    """A frame of 2013, in package (number, of) if it is one of several."""
    properties = len(body) | (0x2000 if of else 0)
    head = message.to_bytes(2) + properties.to_bytes(2) + bytes.fromhex(phone) + serial.to_bytes(2)
    if of:
        head += of[1].to_bytes(2) + of[0].to_bytes(2)
    plain = head + body
    plain += bytes((reduce(xor, plain),))
    return b"\x7e" + plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"


def position(at: datetime, *, alarms: int = 0, speed: int = 600) -> bytes:
    """The body of 0200: a fix in Nanjing, and 12.3 km."""
    beijing = (at + timedelta(hours=8)).strftime("%y%m%d%H%M%S")
    numbers = (
        alarms.to_bytes(4),
        (3).to_bytes(4),
        (32_060_000).to_bytes(4),
        (118_800_000).to_bytes(4),
    )
    moving = (20).to_bytes(2) + speed.to_bytes(2) + (90).to_bytes(2)
    return b"".join(numbers) + moving + bytes.fromhex(beijing) + bytes.fromhex("01040000007b")


def dlt645(address: str, data: bytes, *, control: int = 0x91) -> bytes:
    """An answer of a meter; `data` without the 33H."""
    frame = b"\x68" + bytes.fromhex(address)[::-1] + bytes((0x68, control, len(data)))
    frame += bytes((byte + 0x33) % 256 for byte in data)
    return frame + bytes((sum(frame) % 256, 0x16))


async def test_vehicles_speak_through_their_gateway_only(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Two vehicles in one payload, each in its own rows, in the profile's units; a stranger's frame
    beside them is quarantined alone."""
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    phones = {"V-1": "013900000001", "V-2": "013900000002", "nobody": "013900000009"}
    await enrol(
        pool,
        TRACKER,
        ("G", None),
        *((code, WireName.of("jt808_phone", phones[code])) for code in ("V-1", "V-2")),
    )
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "G") as gateway:
        gateway.say(
            jt808(0x0200, position(now), phone=phones["V-1"])
            + jt808(0x0200, position(now, speed=0, alarms=1), phone=phones["V-2"])
            + jt808(0x0200, position(now), phone=phones["nobody"]),
            jt808(0x0002, b"", phone=phones["V-1"]),
        )
        bridge.settle(2)
        assert bridge.fates() == {"wrong_identity": 1, "stored": 1}

    assert read(
        database,
        "select t.code, r.latitude, r.longitude, r.speed_kmh, r.alarm_bits, r.mileage_km"
        " from telemetry.tracker r join registry.terminal t on t.id = r.terminal_id"
        f" where r.time = '{now.isoformat()}' order by 1",
    ) == [
        {"code": "V-1", "latitude": 32.06, "longitude": 118.8, "speed_kmh": 60.0, "alarm_bits": 0,
         "mileage_km": 12300.0},
        {"code": "V-2", "latitude": 32.06, "longitude": 118.8, "speed_kmh": 0.0, "alarm_bits": 1,
         "mileage_km": 12300.0},
    ]  # fmt: skip
    assert read(database, "select reason, detail from telemetry.quarantine") == [
        {
            "reason": "wrong_identity",
            "detail": "nobody behind G calls itself jt808_phone:13900000009",
        }
    ]
    assert read(database, "select code from telemetry.event") == [{"code": "heartbeat"}]


async def test_a_message_in_packages_is_read_when_all_of_it_is_there(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Out of order, over a restart of the bridge, and once, though the first part comes again."""
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    phone = "013900000001"
    await enrol(pool, TRACKER, ("G", None), ("V-1", WireName.of("jt808_phone", phone)))
    items = [position(now + timedelta(seconds=k)) for k in range(3)]
    body = (3).to_bytes(2) + b"\x01" + b"".join(len(i).to_bytes(2) + i for i in items)
    pieces = [body[:40], body[40:80], body[80:]]
    frames = [
        jt808(0x0704, piece, phone=phone, serial=100 + k, of=(k, 3))
        for k, piece in enumerate(pieces, start=1)
    ]
    with Publisher(broker, "G") as gateway:
        with Bridge(database, broker).ready() as bridge:
            gateway.say(frames[2], frames[0])
            bridge.settle(2)
            assert bridge.fates() == {"stored": 2}
            assert bridge.stop() == 0
        assert read(database, "select count(*) from telemetry.tracker") == [{"count": 0}]
        with Bridge(database, broker).ready() as bridge:
            gateway.say(frames[1])
            bridge.settle(1)
            assert bridge.fates() == {"stored": 1}

    assert read(database, "select count(*) from telemetry.tracker") == [{"count": 3}]
    assert read(database, "select number from telemetry.fragment") == [{"number": 0}]


async def test_meters_answer_through_their_concentrator(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Two meters in one payload; a block in two frames; energy in the profile's unit."""
    await enrol(
        pool,
        WIRED,
        ("G", None),
        ("W-1", WireName.of("meter_address", "000000000012")),
        ("W-2", WireName.of("meter_address", "000000000034")),
    )
    voltage, block = bytes.fromhex("00010102")[:4], bytes.fromhex("00ff0000")
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "G") as gateway:
        gateway.say(
            dlt645("000000000012", voltage + bytes.fromhex("3322"))
            + b"\xfe\xfe"
            + dlt645("000000000034", voltage + bytes.fromhex("1023")),
            dlt645("000000000012", block + bytes.fromhex("563412"), control=0xB1),
            dlt645("000000000012", block + bytes.fromhex("00") + b"\x01", control=0x92),
            dlt645("000000000034", bytes.fromhex("02"), control=0xD1),
        )
        bridge.settle(4)
        assert bridge.fates() == {"stored": 4}

    assert read(
        database,
        "select t.code, r.voltage_a, r.energy_kwh from telemetry.wired r"
        " join registry.terminal t on t.id = r.terminal_id order by 1, r.time",
    ) == [
        {"code": "W-1", "voltage_a": 223.3, "energy_kwh": None},
        {"code": "W-1", "voltage_a": None, "energy_kwh": 1_234_560.0},
        {"code": "W-2", "voltage_a": 231.0, "energy_kwh": None},
    ]
    assert read(database, "select code, data from telemetry.event") == [
        {"code": "meter_refuses", "data": {"function": 17, "errors": ["no_such_data"]}}
    ]


async def test_a_panel_reports_each_event_once(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """An alarm and its restore, sent twice each: two events, with zone and partition."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    await enrol(pool, PANEL, ("G", None), ("P-1", WireName.of("dc09_account", "ABCD")))

    def report(content: str, seq: int) -> bytes:
        text = f'"ADM-CID"{seq:04}R1L0#ABCD[#ABCD|{content}]_{at:%H:%M:%S,%m-%d-%Y}'.encode()
        return f"\n{crc16(text):04X}{len(text):04X}".encode() + text + b"\r"

    alarm, restored = report("1130 01 003", 1), report("3130 01 003", 2)
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "G") as gateway:
        gateway.say(alarm, alarm, restored, restored, alarm[:-4] + b"0000\r")
        bridge.settle(5)
        assert bridge.fates() == {"stored": 2, "duplicate": 2, "malformed": 1}

    assert read(
        database, "select code, severity, data, time from telemetry.event order by code"
    ) == [
        {
            "code": code,
            "severity": severity,
            "data": {"contact_id": cid, "partition": "01", "zone": "003"},
            "time": at,
        }
        for code, severity, cid in (
            ("burglary_alarm", "critical", "1130"),
            ("burglary_alarm_restored", "indeterminate", "3130"),
        )
    ]


async def test_what_a_lenient_profile_takes_is_counted(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """A frame with a wrong check is stored all the same, and shows in the metrics."""
    lenient = replace(PANEL, codec_options={"text": "raw", "lenient": True})
    await enrol(pool, lenient, ("G", None), ("P-1", WireName.of("dc09_account", "ABCD")))
    at = f"{datetime.now(UTC):%H:%M:%S,%m-%d-%Y}"
    text = f'"ADM-CID"0001R1L0#ABCD[#ABCD|1130 01 003]_{at}'.encode()
    right, wrong = f"{crc16(text):04X}{len(text):04X}".encode(), f"0000{len(text):04X}".encode()
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "G") as gateway:
        gateway.say(*(b"\n" + head + text + b"\r" for head in (right, wrong)))
        bridge.settle(2)
        assert bridge.fates() == {"stored": 1, "duplicate": 1}
        assert bridge.metric("muster_bridge_tolerated_total") == 1


async def test_a_terminal_speaks_senml(database: Database, broker: TestBroker, pool: Pool) -> None:
    """In kelvin, stored in degrees Celsius; several times in one pack."""
    now = int(datetime.now(UTC).timestamp()) - 60
    await enrol(pool, SENSOR, ("G", None))
    pack = [
        {"bn": "urn:dev:x:", "bt": now, "bu": "K", "n": "temperature", "v": 298.15},
        {"n": "temperature", "t": 10, "v": 299.15},
    ]
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "G") as sensor:
        sensor.say(pack)
        bridge.settle(1)

    assert read(database, "select temperature from telemetry.sensor order by time") == [
        {"temperature": 25.0},
        {"temperature": 26.0},
    ]


async def test_what_never_becomes_whole_goes_to_quarantine(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """After an hour, with how much of it came."""
    phone = "013900000001"
    await enrol(pool, TRACKER, ("G", None), ("V-1", WireName.of("jt808_phone", phone)))
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "G") as gateway:
        gateway.say(jt808(0x0801, b"abc", phone=phone, serial=7, of=(2, 5)))
        bridge.settle(1)
    with psycopg.connect(database.superuser) as conn:
        conn.execute("update telemetry.fragment set received_at = now() - interval '61 minutes'")
    async with await open_pool(database.bridge, name="bridge") as own, transaction(own) as held:
        assert await fragments.expire(held, "bridge-1") == 1
        assert await fragments.expire(held, "bridge-1") == 0

    assert read(database, "select reason, detail, payload from telemetry.quarantine") == [
        {
            "reason": "malformed",
            "detail": "1 of 5 parts of 13900000001/2013/0801/6 came",
            "payload": b"abc",
        }
    ]
