"""What people read of telemetry: in scope, cut by ownership, bounded."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from foundation.database import Pool, transaction
from foundation.errors import MusterError
from registry import ownership, profiles, terminals
from registry.errors import TerminalNotFound
from registry.identifiers import TerminalCode
from registry.keyset import CursorInvalid
from registry.model import Metric, MetricType
from registry.scope import Role, Scope
from telemetry import reader
from telemetry.errors import (
    AggregateImpossible,
    LimitInvalid,
    MetricUnknown,
    QuarantineItemNotFound,
    StepInvalid,
    TimesInvalid,
    TooManyPoints,
)
from telemetry.model import Aggregate, LatestValue, Reason, Search
from telemetry.sampling import Sampling
from tests.conftest import Database
from tests.country import NANJING, everything, settled

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with terminal M-1 of client `power-js` and six readings of it."""

    pool: Pool
    superuser: str

    def put(self, query: str, *parameters: object) -> None:
        """Write as nobody but a test may."""
        with psycopg.connect(self.superuser, autocommit=True) as conn:
            conn.execute(query.encode(), parameters)


@pytest.fixture
async def ground(database: Database) -> AsyncIterator[Ground]:
    """Readings at 12:00 .. 12:05, voltage 230 .. 235, energy 1.00 .. 1.05, the door in turns."""
    async with settled(database) as pool:
        async with transaction(pool, everything.settings()) as conn:
            for name, kind in (("door", MetricType.BOOLEAN), ("note", MetricType.TEXT)):
                metric = Metric(name, kind, None, None, None, None, name, name)
                await profiles.add_metric(conn, everything, "meter", metric)
            await terminals.register(
                conn,
                everything,
                code=TerminalCode("M-1"),
                profile="meter",
                region=NANJING,
                group_client="power-js",
            )
        built = Ground(pool, database.superuser)
        for k in range(6):
            built.put(
                "insert into telemetry.meter values (%s, 1, 0, %s, %s, %s, %s)",
                *(NOON + k * MINUTE, 230 + k, 100 + k, k % 2 == 0, f"n{k}"),
            )
        yield built


async def test_raw_series_come_in_order_with_every_metric(ground: Ground) -> None:
    """Without a step every reading of the window is there, scaled values as plain numbers."""
    async with transaction(ground.pool, everything.settings()) as conn:
        got = await reader.series(conn, everything, "M-1", [], NOON, NOON + 2 * MINUTE)

    assert got.times == [NOON, NOON + MINUTE]
    assert got.columns == {
        "voltage_a": [230.0, 231.0],
        "energy_kwh": [1.0, 1.01],
        "door": [True, False],
        "note": ["n0", "n1"],
    }


@pytest.mark.parametrize(
    ("metric", "aggregate", "values"),
    [
        ("voltage_a", Aggregate.AVERAGE, [231.0, 234.0]),
        ("voltage_a", Aggregate.MINIMUM, [230.0, 233.0]),
        ("voltage_a", Aggregate.MAXIMUM, [232.0, 235.0]),
        ("voltage_a", Aggregate.SUM, [693.0, 702.0]),
        ("voltage_a", Aggregate.COUNT, [3, 3]),
        ("voltage_a", Aggregate.FIRST, [230.0, 233.0]),
        ("voltage_a", Aggregate.LAST, [232.0, 235.0]),
        ("door", Aggregate.AVERAGE, [2 / 3, 1 / 3]),
        ("door", Aggregate.MINIMUM, [False, False]),
        ("door", Aggregate.MAXIMUM, [True, True]),
        ("note", Aggregate.LAST, ["n2", "n5"]),
    ],
)
async def test_a_bucket_is_one_value(
    ground: Ground, metric: str, aggregate: Aggregate, values: list[object]
) -> None:
    """Buckets of three minutes are counted from the epoch, and hold what the aggregate says."""
    async with transaction(ground.pool, everything.settings()) as conn:
        got = await reader.series(
            conn,
            everything,
            "M-1",
            [metric],
            NOON,
            NOON + 10 * MINUTE,
            Sampling(step_seconds=180, aggregate=aggregate),
        )

    assert got.times == [NOON, NOON + 3 * MINUTE]
    assert got.columns[metric] == (values if metric == "note" else pytest.approx(values))


@pytest.mark.parametrize(
    ("refusal", "metrics", "start", "end", "step", "aggregate"),
    [
        (MetricUnknown, ["speed"], NOON, NOON + MINUTE, None, Aggregate.AVERAGE),
        (TimesInvalid, [], NOON, NOON, None, Aggregate.AVERAGE),
        (TimesInvalid, [], NOON.replace(tzinfo=None), NOON, None, Aggregate.AVERAGE),
        (TooManyPoints, [], NOON, NOON + timedelta(days=1), 1, Aggregate.AVERAGE),
        (StepInvalid, [], NOON, NOON + MINUTE, 0, Aggregate.AVERAGE),
        (AggregateImpossible, ["note"], NOON, NOON + MINUTE, 60, Aggregate.SUM),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    ground: Ground,
    refusal: type[MusterError],
    metrics: list[str],
    start: datetime,
    end: datetime,
    step: int | None,
    aggregate: Aggregate,
) -> None:
    """Unknown metrics, impossible times and absurd steps are told, not guessed at."""
    async with transaction(ground.pool, everything.settings()) as conn:
        with pytest.raises(refusal):
            await reader.series(
                conn,
                everything,
                "M-1",
                metrics,
                start,
                end,
                Sampling(step_seconds=step, aggregate=aggregate),
            )


async def test_after_a_transfer_neither_side_reads_the_other_s_time(ground: Ground) -> None:
    """The former owner keeps the own past, the new one begins at the transfer."""
    moved_at = NOON + 3 * MINUTE
    async with transaction(ground.pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "M-1", "power-zj", effective_at=moved_at)
    times = {}
    for client, scope in (("power-js", client_scope(1)), ("power-zj", client_scope(2))):
        async with transaction(ground.pool, scope.settings()) as conn:
            got = await reader.series(conn, scope, "M-1", [], NOON, NOON + 10 * MINUTE)
            times[client] = got.times

    assert times == {
        "power-js": [NOON + k * MINUTE for k in range(3)],
        "power-zj": [NOON + k * MINUTE for k in range(3, 6)],
    }


async def test_a_stranger_reads_nothing(ground: Ground) -> None:
    """A terminal of others is not found, exactly as one that does not exist."""
    stranger = client_scope(2)
    async with transaction(ground.pool, stranger.settings()) as conn:
        for code in ("M-1", "NONE"):
            with pytest.raises(TerminalNotFound, match=f"There is no terminal {code}"):
                await reader.series(conn, stranger, code, [], NOON, NOON + MINUTE)
            with pytest.raises(TerminalNotFound):
                await reader.latest(conn, stranger, code)
            with pytest.raises(TerminalNotFound):
                await reader.list_quarantine(conn, stranger, Search(terminal=code))


async def test_latest_has_each_metric_s_own_type_and_time(ground: Ground) -> None:
    """Numbers, truths and texts come back as what the profile says they are."""
    ground.put(
        "insert into telemetry.latest values (1, 'voltage_a', %s, 235.5, null),"
        " (1, 'door', %s, 1, null), (1, 'note', %s, null, 'hi'), (1, 'gone', %s, 1, null)",
        *(NOON, NOON + MINUTE, NOON, NOON),
    )
    async with transaction(ground.pool, everything.settings()) as conn:
        got = await reader.latest(conn, everything, "M-1")

    assert got == [
        LatestValue("door", NOON + MINUTE, True),
        LatestValue("note", NOON, "hi"),
        LatestValue("voltage_a", NOON, 235.5),
    ]


async def test_events_are_paged_newest_first_and_none_twice(ground: Ground) -> None:
    """Events of one millisecond are told apart by their digest across a page's edge."""
    for digest in range(5):
        ground.put(
            "insert into telemetry.event values (%s, 1, 0, 'zone', 'major', null, null, %s)",
            *(NOON, digest),
        )
    seen, after = 0, None
    async with transaction(ground.pool, everything.settings()) as conn:
        while True:
            page = await reader.list_events(
                conn, everything, "M-1", start=NOON, end=NOON + MINUTE, after=after, limit=2
            )
            seen += len(page.items)
            after = page.next_key
            if after is None:
                break
        with pytest.raises(CursorInvalid):
            await reader.list_events(conn, everything, "M-1", after="x")
        with pytest.raises(LimitInvalid):
            await reader.list_events(conn, everything, "M-1", limit=0)

    assert seen == 5


async def test_quarantine_is_read_by_reason_terminal_and_owner(ground: Ground) -> None:
    """Who owns the terminal sees its refused messages; what names nobody, who sees everything."""
    for digest, (terminal, reason) in enumerate(
        [(1, "clock"), (1, "malformed"), (1, "other_owner"), (None, "unknown_terminal")]
    ):
        ground.put(
            "insert into telemetry.quarantine (received_at, last_received_at, bridge, topic,"
            " terminal_id, reason, detail, payload, payload_bytes, digest)"
            " values (now(), now(), 'bridge-1', 't', %s, %s, 'd', 'x', 1, %s)",
            *(terminal, reason, bytes([digest])),
        )
    owner, stranger = client_scope(1), client_scope(2)
    counted = {}
    for name, scope in (("all", everything), ("owner", owner), ("stranger", stranger)):
        async with transaction(ground.pool, scope.settings()) as conn:
            counted[name] = set(await reader.count_quarantine(conn, scope))
    async with transaction(ground.pool, everything.settings()) as conn:
        page = await reader.list_quarantine(conn, everything, Search(reason=Reason.CLOCK), limit=1)
        first = await reader.list_quarantine(conn, everything, Search(terminal="M-1"), limit=2)
        rest = await reader.list_quarantine(
            conn, everything, Search(terminal="M-1"), after=first.next_key
        )
    async with transaction(ground.pool, stranger.settings()) as conn:
        with pytest.raises(QuarantineItemNotFound):
            await reader.find_quarantined(conn, stranger, page.items[0].id)

    assert counted == {
        "all": {Reason.CLOCK, Reason.MALFORMED, Reason.OTHER_OWNER, Reason.UNKNOWN_TERMINAL},
        "owner": {Reason.CLOCK, Reason.MALFORMED},
        "stranger": set(),
    }
    assert [item.payload for item in page.items] == [b"x"]
    assert len(first.items) + len(rest.items) == 3


def client_scope(client_id: int) -> Scope:
    """A client's own viewer."""
    return Scope.of_role("test", Role.CLIENT_VIEWER, group_clients=frozenset({client_id}))
