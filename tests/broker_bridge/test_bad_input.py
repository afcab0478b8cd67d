"""The bad-input catalogue (reliability.md, B5 to B18): refused with its reason, raw, acknowledged.

The good messages around each are stored.
"""

from collections.abc import AsyncIterator

import psycopg
import pytest

from foundation.database import Pool, transaction
from registry import terminals
from registry.model import TerminalState
from tests.broker_bridge.running import Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import everything, register, settled

NOW_MS = now_ms()
DAY_MS = 86_400_000
_TS = f'"ts":{NOW_MS - DAY_MS}'.encode()


def _values(text: str, ts: bytes = _TS) -> bytes:
    return b"{" + ts + b',"values":{' + text.encode() + b"}}"


CATALOGUE: dict[bytes, set[str]] = {
    # B10: sizes
    b"": {"malformed"},
    b"\0": {"malformed"},
    b"[" + b"1," * 10_000 + b"1]": {"too_large"},
    # B11: not JSON, or not all of it, or not in UTF-8
    b"voltage_a=230": {"malformed"},
    b'{"voltage_a": 23': {"malformed"},
    b'{"voltage_a": 230} {}': {"malformed"},
    b'\xef\xbb\xbf{"voltage_a": 230}': {"malformed"},
    '{"voltage_a": 230}'.encode("utf-16"): {"malformed"},
    b'{"voltage_a": "\xff"}': {"malformed"},
    b'{"voltage_a": "\\ud800"}': {"malformed"},
    # B12: a key twice
    b'{"voltage_a": 230, "voltage_a": 231}': {"malformed"},
    # B13: numbers
    _values('"voltage_a": NaN'): {"malformed"},
    _values('"voltage_a": Infinity'): {"malformed"},
    _values('"big": 9007199254740993'): {"out_of_range"},
    _values('"big": 1' + "0" * 1000): {"malformed"},
    _values('"big": 18446744073709551616'): {"out_of_range"},
    _values('"count": 9223372036854775808'): {"out_of_range"},
    _values('"count": 1.5'): {"wrong_type"},
    _values('"voltage_a": "230"'): {"wrong_type"},
    _values('"voltage_a": true'): {"wrong_type"},
    _values('"open": 1'): {"wrong_type"},
    _values('"note": 1'): {"wrong_type"},
    _values('"energy_kwh": 1e300'): {"out_of_range"},
    # B14: nesting and size
    b"[" * 10_000 + b"]" * 10_000: {"malformed"},
    b'{"a":' * 20 + b"1" + b"}" * 20: {"malformed"},
    b"{" + b",".join(b'"m%d":1' % k for k in range(1001)) + b"}": {"too_large"},
    _values('"voltage_a": {"value": 230}'): {"wrong_type"},
    _values('"voltage_a": [230]'): {"wrong_type"},
    b'{"' + b"k" * 60_000 + b'": 1}': {"unknown_metric"},
    # B15: NUL
    _values('"note": "a\\u0000b"'): {"malformed"},
    _values('"note": "' + "x" * 1001 + '"'): {"out_of_range"},
    # B16: ranges, types, names
    _values('"voltage_a": 23'): {"out_of_range"},
    _values('"voltage_a": 260.1'): {"out_of_range"},
    _values('"voltage_z": 230'): {"unknown_metric"},
    b"[1, 2]": {"malformed"},
    b"42": {"malformed"},
    b"{}": {"malformed"},
    b"[]": {"malformed"},
    b'{"values": {"voltage_a": null}}': {"malformed"},
    # B17: times
    _values('"voltage_a": 230', b'"ts":"yesterday"'): {"malformed"},
    _values('"voltage_a": 230', b'"ts":"2026-09-21T14:13:20"'): {"malformed"},
    _values('"voltage_a": 230', b'"ts":true'): {"malformed"},
    _values('"voltage_a": 230', b'"ts":1e300'): {"malformed"},
    _values('"voltage_a": 230', b'"ts":0'): {"clock"},
    _values('"voltage_a": 230', b'"ts":-1000'): {"clock"},
    _values('"voltage_a": 230', b'"ts":"9999-12-31T23:59:59Z"'): {"clock"},
    _values('"voltage_a": 230', b'"ts":%d' % (NOW_MS + DAY_MS)): {"clock"},
    _values('"voltage_a": 230', b'"ts":%d' % (NOW_MS - 31 * DAY_MS)): {"clock"},
    # Several reasons in one message
    _values('"voltage_a": 1, "voltage_z": 1, "note": 1'): {
        "out_of_range", "unknown_metric", "wrong_type",
    },
}  # fmt: skip

# B18: a wrong number of a message is refused alone; its values are stored.
PARTLY: dict[bytes, set[str]] = {
    b'{"ts":%d,"seq":-1,"values":{"voltage_a":230}}' % (NOW_MS - 1): {"malformed"},
    b'{"ts":%d,"seq":1.5,"values":{"voltage_a":231}}' % (NOW_MS - 2): {"malformed"},
    b'{"ts":%d,"values":{"voltage_a":232,"voltage_z":1}}' % (NOW_MS - 3): {"unknown_metric"},
    b'[{"ts":%d,"voltage_a":233},{"ts":1,"voltage_a":234},7]' % (NOW_MS - 4): {
        "clock", "malformed",
    },
}  # fmt: skip


@pytest.fixture
async def pool(database: Database, broker: TestBroker) -> AsyncIterator[Pool]:
    """The meter M-1, with a metric of every kind, and terminals that may not store."""
    broker.admit("M-1", "M-2", "R-1", "I-1", "NOBODY", "not.a.code")
    async with settled(database) as opened:
        await register(opened, "M-1", "M-2", "R-1", "I-1")
        async with transaction(opened, everything.settings()) as conn:
            await conn.execute(
                "insert into registry.profile_metric (profile_id, name, position, type, title_zh,"
                " title_en) select p.id, m.*, m.name, m.name from registry.profile p, (values"
                " ('big', 11, 'double'), ('count', 12, 'bigint'), ('open', 13, 'boolean'),"
                " ('note', 14, 'text')) m(name, position, type)"
            )
            await conn.execute("select telemetry.ensure_profile_table(id) from registry.profile")
            await terminals.retire(conn, everything, "R-1")
            await terminals.move_to(
                conn, everything, "I-1", TerminalState.ISOLATED, reason="stolen"
            )
        yield opened


def quarantined(database: Database) -> dict[bytes, set[str]]:
    """The reasons of each raw message in quarantine."""
    found: dict[bytes, set[str]] = {}
    for row in read(database, "select payload, reason from telemetry.quarantine"):
        found.setdefault(bytes(row["payload"]), set()).add(row["reason"])
    return found


def voltages(database: Database) -> list[float]:
    """Every stored voltage, sorted."""
    rows = read(database, "select voltage_a from telemetry.meter order by voltage_a")
    return [row["voltage_a"] for row in rows]


async def test_every_bad_message_is_quarantined_and_its_neighbours_are_stored(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Each has its reasons and its raw bytes, is acknowledged and counted once."""
    good = [b'{"ts":%d,"voltage_a":200}' % (NOW_MS - 1000 - k) for k in range(len(CATALOGUE) + 1)]
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        for neighbour, bad in zip(good, CATALOGUE, strict=False):
            meter.say(neighbour, bad)
        meter.say(good[-1], *PARTLY)
        bridge.settle(len(good) + len(CATALOGUE) + len(PARTLY))
        stored = bridge.fates()["stored"]

    assert quarantined(database) == CATALOGUE | PARTLY
    assert voltages(database) == [200.0] * len(good) + [230.0, 231.0, 232.0, 233.0]
    assert stored == len(good)


async def test_who_may_not_store_is_quarantined(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Strangers, retired and isolated terminals, and topics that are none of ours (B5, B8)."""
    said = b'{"voltage_a":230}'
    with Bridge(database, broker).ready() as bridge:
        for code in ("NOBODY", "R-1", "I-1", "not.a.code"):
            with Publisher(broker, code) as stranger:
                stranger.say(said)
        with Publisher(broker, "I-1") as isolated:
            isolated.say({"code": "tamper"}, channel="event")
            isolated.say({"session": "online"}, channel="status")
        bridge.settle(6)
        assert bridge.fates() == {
            "stored": 1, "unknown_terminal": 1, "not_in_service": 3, "malformed": 1,
        }  # fmt: skip

    assert {
        (row["topic"], row["terminal_id"] is None, row["reason"])
        for row in read(database, "select topic, terminal_id, reason from telemetry.quarantine")
    } == {
        ("m2m/v1/NOBODY/telemetry", True, "unknown_terminal"),
        ("m2m/v1/R-1/telemetry", False, "not_in_service"),
        ("m2m/v1/I-1/telemetry", False, "not_in_service"),
        ("m2m/v1/I-1/event", False, "not_in_service"),
        ("m2m/v1/not.a.code/telemetry", True, "malformed"),
    }
    assert voltages(database) == []


async def test_what_the_database_refuses_is_quarantined(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """One row that the table will not take does not keep its batch from being stored."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute("alter table telemetry.meter add constraint rule check (voltage_a <> 213)")
    base = NOW_MS - DAY_MS
    with (
        Bridge(database, broker, MUSTER_BATCH_MAX_AGE_SECONDS="1").ready() as bridge,
        Publisher(broker, "M-1") as meter,
    ):
        meter.say(*({"ts": base + k, "voltage_a": 200 + k} for k in range(20)))
        bridge.settle(20)
        assert bridge.fates() == {"stored": 19, "refused_by_database": 1}

    assert quarantined(database) == {
        b'{"ts":%d,"voltage_a":213}' % (base + 13): {"refused_by_database"}
    }
    assert voltages(database) == [200.0 + k for k in range(20) if k != 13]


async def test_the_same_bad_message_is_one_item(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Sent again, it counts up; what it says is kept as it came first."""
    with Bridge(database, broker).ready() as bridge, Publisher(broker, "M-1") as meter:
        meter.say(b"?", b"?")
        bridge.settle(2)
        meter.say(b"?")
        bridge.settle(3)

    assert read(database, "select count, payload_bytes, detail <> '' as told, last_received_at >"
        " received_at as later from telemetry.quarantine") == [
        {"count": 3, "payload_bytes": 1, "told": True, "later": True}
    ]  # fmt: skip
