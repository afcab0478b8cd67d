"""Series against a plain model: every aggregate, fills, thinning, time zones, profile changes."""

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from foundation.database import Pool, transaction
from registry import ownership, profiles, terminals
from registry.identifiers import TerminalCode
from registry.model import Metric, MetricType
from registry.scope import Role, Scope
from telemetry import reader, sampling
from telemetry.errors import (
    FillImpossible,
    PointsInvalid,
    StepInvalid,
    StepMissing,
    TimeZoneUnknown,
    TooManyPoints,
    TooManyReadings,
)
from telemetry.model import Aggregate, Fill, Series, Value
from telemetry.sampling import Sampling
from tests.conftest import Database
from tests.country import NANJING, everything, settled

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# About a change of the clocks in each zone: forward, back, by half an hour, at midnight, never.
SEASONS = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ("Asia/Shanghai", datetime(2026, 11, 20, 16, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 11, 25, 3, tzinfo=UTC)),
)
Reading = tuple[datetime, Mapping[str, Value | None]]


def readings_about(middle: datetime, dice: random.Random) -> list[Reading]:
    """Four days of readings with gaps, some of them without one metric or another."""
    said: list[Reading] = []
    time = middle - 2 * DAY
    while time < middle + 2 * DAY:
        values: dict[str, Value | None] = {
            "voltage_a": round(dice.uniform(200, 240), 3),
            "energy_kwh": dice.randrange(10_000) / 100,
            "door": dice.random() < 0.5,
            "note": dice.choice(("ok", "low", "höher", "=1+1")),
        }
        said.append((time, {n: v if dice.random() < 0.8 else None for n, v in values.items()}))
        gap = dice.random() < 0.03
        time += timedelta(seconds=dice.randrange(1, 30_000 if gap else 900), microseconds=gap * 7)
    return said


ALL = {middle: readings_about(middle, random.Random(k)) for k, (_, middle) in enumerate(SEASONS)}


def store(superuser: str, terminal_id: int, readings: Sequence[Reading]) -> None:
    """Write them as they come: in any order, and some of them days late."""
    shuffled = random.Random(1).sample(readings, len(readings))
    with psycopg.connect(superuser, autocommit=True) as conn, conn.cursor() as cursor:
        cursor.executemany(
            "insert into telemetry.meter values (%s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    time, terminal_id, k % 7 * 40_000, said["voltage_a"],
                    None if said["energy_kwh"] is None else round(float(said["energy_kwh"]) * 100),
                    said["door"], said["note"],
                )
                for k, (time, said) in enumerate(shuffled)
            ],
        )  # fmt: skip


@pytest.fixture
async def ground(database: Database) -> AsyncIterator[tuple[Pool, str]]:
    """Meter M-1 of `power-js`, with all readings of all seasons."""
    async with settled(database) as pool:
        async with transaction(pool, everything.settings()) as conn:
            for name, kind in (("door", MetricType.BOOLEAN), ("note", MetricType.TEXT)):
                metric = Metric(name, kind, None, None, None, None, name, name)
                await profiles.add_metric(conn, everything, "meter", metric)
            await terminals.register(
                conn, everything, code=TerminalCode("M-1"), profile="meter", region=NANJING,
                group_client="power-js",
            )  # fmt: skip
        for said in ALL.values():
            store(database.superuser, 1, said)
        yield pool, database.superuser


async def read(
    pool: Pool,
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    scope: Scope = everything,
    **how: Any,
) -> Series:
    """A series of M-1."""
    async with transaction(pool, scope.settings()) as conn:
        return await reader.series(
            conn,
            scope,
            "M-1",
            metrics,
            start,
            end,
            Sampling(**how),
        )


def total(counted: Sequence[Value | None]) -> int:
    """The sum of what was counted, all of which is whole numbers."""
    whole = [n for n in counted if isinstance(n, int)]
    assert len(whole) == len(counted)
    return sum(whole)


def step_of(time: datetime, seconds: int, zone: ZoneInfo | None) -> datetime:
    """Where the step of an instant begins, told without the code under test."""
    if zone is None:
        return datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)
    day = time.astimezone(zone).date()
    if seconds >= 86_400:
        day -= timedelta(days=(day - datetime(1970, 1, 1).date()).days % (seconds // 86_400))  # noqa: DTZ001
    # The first moment of the day, found by trying each quarter of an hour: midnight may not exist.
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - 15 * HOUR
    while moment.astimezone(zone).date() < day:
        moment += HOUR / 4
    if seconds >= 86_400:
        return moment
    return moment + (time - moment) // timedelta(seconds=seconds) * timedelta(seconds=seconds)


MODELS: Mapping[Aggregate, Callable[[list[Any]], Any]] = {
    Aggregate.AVERAGE: lambda values: sum(values) / len(values),
    Aggregate.MINIMUM: min,
    Aggregate.MAXIMUM: max,
    Aggregate.SUM: sum,
    Aggregate.COUNT: len,
    Aggregate.FIRST: lambda values: values[0],
    Aggregate.LAST: lambda values: values[-1],
}
STEPS = (1, 60, 900, 3600, 21_600, 86_400, 3 * 86_400)


async def test_every_aggregate_is_what_a_plain_model_says(ground: tuple[Pool, str]) -> None:
    """On gaps, absent metrics, late rows, in any zone, over days of 23, 24, 25 and 24.5 hours."""
    dice = random.Random(7)
    metrics = ("voltage_a", "energy_kwh", "door", "note")
    lengths = set()
    for turn, (name, middle) in enumerate(SEASONS * 5):
        days = turn < len(SEASONS)
        seconds = 86_400 if days else dice.choice(STEPS[2 * (dice.random() < 0.9) :])
        zone = ZoneInfo(name) if days or dice.random() < 0.7 else None
        start = middle - DAY + dice.randrange(-86_400, 0 if days else 40_000) * timedelta(seconds=1)
        span = min(timedelta(seconds=seconds * 9000), dice.uniform(0.2, 3.5) * DAY)
        end = start + (4 * DAY if days else span)
        within = [(t, said) for t, said in ALL[middle] if start <= t < end]
        for aggregate in Aggregate:
            shown = (
                metrics
                if aggregate in (Aggregate.COUNT, Aggregate.FIRST, Aggregate.LAST)
                else metrics[:3]
            )
            got = await read(
                ground[0], shown, start, end, step_seconds=seconds, zone=zone, aggregate=aggregate
            )
            steps: dict[datetime, list[Reading]] = {}
            for time, said in within:
                steps.setdefault(step_of(time, seconds, zone), []).append((time, said))
            case = f"{name} {zone} {seconds} {start} {end} {aggregate}"
            assert list(got.times) == list(steps), case
            assert got.readings == len(within), case
            for metric in shown:
                values = [
                    [v for _, said in listed if (v := said[metric]) is not None]
                    for listed in steps.values()
                ]
                expected = [
                    MODELS[aggregate](v) if v or aggregate is Aggregate.COUNT else None
                    for v in values
                ]
                column = list(got.columns[metric])
                assert column == pytest.approx(expected), f"{case} {metric}"
        if zone is not None and seconds == 86_400:
            lengths |= {(b - a) / HOUR for a, b in pairwise(got.times)}
    assert lengths >= {23, 24, 24.5, 25}


async def test_what_is_empty_is_filled_as_asked(ground: tuple[Pool, str]) -> None:
    """Every step is there; null, the value before, or the line between the two beside it."""
    zone, (_, middle) = ZoneInfo("Europe/Berlin"), SEASONS[0]
    window = (middle - 2 * DAY, middle + 3 * DAY)
    how: dict[str, Any] = {"step_seconds": 900, "zone": zone}
    left_out = await read(ground[0], ["voltage_a", "door"], *window, **how)
    known = dict(zip(left_out.times, left_out.columns["voltage_a"], strict=True))
    null = await read(ground[0], ["voltage_a"], *window, fill=Fill.NULL, **how)
    before = await read(ground[0], ["voltage_a"], *window, fill=Fill.PREVIOUS, **how)
    line = await read(ground[0], ["voltage_a", "door"], *window, fill=Fill.LINEAR, **how)
    counted = await read(
        ground[0], ["note"], *window, fill=Fill.LINEAR, aggregate=Aggregate.COUNT, **how
    )
    every = [window[0] + k * timedelta(minutes=15) for k in range(5 * 96)]

    for got in (null, before, line, counted):
        assert list(got.times) == every
        assert got.readings == left_out.readings
    assert list(null.columns["voltage_a"]) == [known.get(t) for t in every]
    last, carried = None, []
    for time in every:
        last = known.get(time) if known.get(time) is not None else last
        carried.append(last)
    assert list(before.columns["voltage_a"]) == carried
    points = [(t, float(v)) for t, v in known.items() if v is not None]
    for time, value in zip(every, line.columns["voltage_a"], strict=True):
        earlier = [p for p in points if p[0] <= time]
        later = [p for p in points if p[0] >= time]
        if not earlier or not later:
            assert value is None
            continue
        (a, low), (b, high) = earlier[-1], later[0]
        expected = low + (high - low) * ((time - a) / (b - a)) if b > a else low
        assert value == pytest.approx(expected)
    assert sum(v is None for v in null.columns["voltage_a"]) > 100
    assert set(map(type, counted.columns["note"])) == {int}
    assert counted.columns["note"][-1] == 0


@pytest.mark.parametrize("points", [3, 40, 400, 2500])
async def test_a_chart_gets_the_raw_values_that_stand_out(
    ground: tuple[Pool, str], points: int
) -> None:
    """At most so many of each metric, all of them raw values, the first and the last among them."""
    middle = SEASONS[0][1]
    said = ALL[middle]
    got = await read(
        ground[0], ["voltage_a", "energy_kwh", "door", "note"], said[0][0], said[-1][0] + HOUR,
        points=points,
    )  # fmt: skip

    assert got.readings == len(said)
    assert list(got.times) == sorted(set(got.times))
    for metric, column in got.columns.items():
        raw = [(t, values[metric]) for t, values in said if values[metric] is not None]
        kept = [(t, v) for t, v in zip(got.times, column, strict=True) if v is not None]
        assert set(kept) <= set(raw)
        assert [kept[0], kept[-1]] == [raw[0], raw[-1]]
        assert len(kept) <= points
        if metric in ("voltage_a", "energy_kwh"):
            assert len(kept) == min(points, len(raw))
        elif points > len(raw):
            changes = [p for p, before in zip(raw[1:], raw, strict=False) if p[1] != before[1]]
            assert set(kept) == {raw[0], raw[-1], *changes}
    assert got.thinned is (len(said) > points or len(kept) < len(said))


async def test_a_spike_is_never_thinned_away(ground: tuple[Pool, str]) -> None:
    """One value far from all others is among a few points of thousands."""
    said = ALL[SEASONS[1][1]]
    with psycopg.connect(ground[1], autocommit=True) as conn:
        at = said[len(said) // 3][0] + timedelta(microseconds=3)
        conn.execute("insert into telemetry.meter values (%s, 1, 0, 900, 1, true, '')", (at,))
    got = await read(ground[0], ["voltage_a"], said[0][0], said[-1][0] + HOUR, points=20)

    assert (got.thinned, len(got.times)) == (True, 20)
    assert 900.0 in got.columns["voltage_a"]


async def test_what_is_too_much_to_choose_from_is_refused(
    ground: tuple[Pool, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound nothing is read, and the remedy is a step."""
    said = ALL[SEASONS[0][1]]
    window = (said[0][0], said[-1][0] + HOUR)
    monkeypatch.setattr("telemetry.series.MOST_READ", len(said))
    assert (await read(ground[0], ["voltage_a"], *window, points=9)).readings == len(said)
    with pytest.raises(TooManyReadings) as refused:
        await read(ground[0], ["voltage_a", "door"], *window, points=9)
    assert "step" in refused.value.hint


async def test_a_new_owner_s_step_holds_only_the_own_time(ground: tuple[Pool, str]) -> None:
    """The step in which a terminal changes hands has two parts: each side sees its own."""
    middle = SEASONS[4][1]
    said = ALL[middle]
    moved_at = said[len(said) // 2][0] + timedelta(seconds=0.5)
    async with transaction(ground[0], everything.settings()) as conn:
        await ownership.transfer(conn, everything, "M-1", "power-zj", effective_at=moved_at)
    sides = [
        Scope.of_role("test", Role.CLIENT_VIEWER, group_clients=frozenset({client}))
        for client in (1, 2)
    ]
    window = (said[0][0], said[-1][0] + HOUR)
    step: dict[str, Any] = {"step_seconds": 86_400, "zone": ZoneInfo("Asia/Shanghai")}
    for scope, own in zip(
        sides, ((t < moved_at for t, _ in said), (t >= moved_at for t, _ in said)), strict=True
    ):
        mine = [reading for reading, is_mine in zip(said, own, strict=True) if is_mine]
        summed = await read(
            ground[0], ["voltage_a"], *window, scope, aggregate=Aggregate.COUNT, **step
        )
        chart = await read(ground[0], ["voltage_a"], *window, scope, points=300)
        values = [v for _, values in mine if (v := values["voltage_a"]) is not None]

        assert summed.readings == chart.readings == len(mine)
        assert total(summed.columns["voltage_a"]) == len(values)
        assert (chart.times[0] >= moved_at) is (scope is sides[1])
        assert (chart.times[-1] < moved_at) is (scope is sides[0])


async def test_two_profiles_in_one_step_are_one_value(ground: tuple[Pool, str]) -> None:
    """What a terminal said before and after its profile changed is one series, in order of time."""
    pool, superuser = ground
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    async with transaction(pool, everything.settings()) as conn:
        meter = await profiles.find(conn, everything, "meter")
        kinds = (("voltage_a", MetricType.BIGINT), ("door", MetricType.DOUBLE))
        metrics = tuple(Metric(n, k, None, None, None, None, n, n) for n, k in kinds)
        await profiles.define(conn, everything, replace(meter, code="meter_b", metrics=metrics))
    with psycopg.connect(superuser, autocommit=True) as conn_:
        conn_.execute("insert into telemetry.meter values (%s, 1, 0, 1.5, 1, true, 'a')", (noon,))
        conn_.execute("insert into telemetry.meter_b values (%s, 1, 0, 4, 2.5)", (noon + HOUR / 6,))
        conn_.execute("update registry.terminal_profile set valid_to = %s", (noon + HOUR / 9,))
        conn_.execute(
            "insert into registry.terminal_profile (terminal_id, profile_id, valid_from)"
            " select 1, id, %s from registry.profile where code = 'meter_b'", (noon + HOUR / 9,),
        )  # fmt: skip
    window = (noon, noon + HOUR)
    by_step = await read(pool, ["voltage_a"], *window, step_seconds=3600)
    raw = await read(pool, [], *window)
    chart = await read(pool, ["voltage_a", "door"], *window, points=9)

    assert (list(by_step.times), list(by_step.columns["voltage_a"])) == ([noon], [2.75])
    assert raw.columns == {
        "voltage_a": [1.5, 4.0], "energy_kwh": [0.01, None], "door": ["true", "2.5"],
        "note": ["a", None],
    }  # fmt: skip
    assert chart.columns == {"voltage_a": [1.5, 4.0], "door": ["true", "2.5"]}
    assert (chart.thinned, chart.readings) == (False, 2)


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("refusal", "how"),
    [
        (StepMissing, {"fill": Fill.NULL}),
        (FillImpossible, {"fill": Fill.LINEAR, "step_seconds": 60, "aggregate": Aggregate.LAST}),
        (PointsInvalid, {"points": 2}),
        (PointsInvalid, {"points": 10_001}),
        (PointsInvalid, {"points": 100, "step_seconds": 60}),
        (TooManyPoints, {"points": 5001}),
        (StepInvalid, {"step_seconds": 7 * 3600, "zone": ZoneInfo("Asia/Shanghai")}),
        (StepInvalid, {"step_seconds": 367 * 86_400}),
    ],
)
async def test_what_does_not_go_together_is_refused(
    ground: tuple[Pool, str], refusal: type[Exception], how: dict[str, Any]
) -> None:
    """Of two metrics, one of them text."""
    with pytest.raises(refusal):
        await read(ground[0], ["voltage_a", "note"], NOON, NOON + HOUR, **how)


def test_a_step_is_read_in_words_and_seconds() -> None:
    """A number, with a unit or without; nothing else."""
    assert [sampling.step_seconds(text) for text in ("900", "900s", "15m", "2h", "1d")] == [
        900, 900, 900, 7200, 86_400,
    ]  # fmt: skip
    for text in ("", "0", "m", "1w", "-1", "1.5h", "999999999", "٣", "1 d", "9" * 50):
        with pytest.raises(StepInvalid):
            sampling.step_seconds(text)


def test_a_zone_is_one_of_the_iana_s() -> None:
    """No path, no directory, no abbreviation of somebody's."""
    assert sampling.zone("Asia/Shanghai").key == "Asia/Shanghai"
    for name in ("", "Asia", "../etc/passwd", "/etc/localtime", "Asia/Nowhere", "+08:00", "a" * 99):
        with pytest.raises(TimeZoneUnknown):
            sampling.zone(name)


def test_a_day_that_a_zone_skipped_is_no_step() -> None:
    """Samoa had no 30 December 2011: the 29th is followed by the 31st."""
    how = Sampling(step_seconds=86_400, zone=ZoneInfo("Pacific/Apia"))
    edges = how.edges(datetime(2011, 12, 29, 12, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC))

    assert edges == [datetime(2011, 12, day, 10, tzinfo=UTC) for day in (29, 30, 31)]
