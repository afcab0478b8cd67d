"""Series from roll-ups against a plain model: late rows, gaps, zones, owners, later metrics."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from foundation.database import Pool, transaction
from registry import group_clients, ownership, profiles, regions, terminals
from registry.identifiers import TerminalCode
from registry.model import DeviceProfile, Metric, MetricType
from registry.scope import Role, Scope
from registry.terminal_lists import Filters
from telemetry import reader, rollups, set_series
from telemetry.model import Across, Aggregate, Resolution, Series, SetSeries, Value
from telemetry.sampling import Sampling
from telemetry.sight import unix_us
from telemetry.writer import Writer
from tests.conftest import Database
from tests.country import NANJING, everything, settled
from tests.telemetry.ground import connected, rows_of, store, writing
from tests.telemetry.rolling import roll_up
from tests.telemetry.test_series import DAY, HOUR, MODELS, SEASONS, readings_about, step_of

NOW = datetime(2027, 1, 1, tzinfo=UTC)
LATER_METRICS = (("door", MetricType.BOOLEAN), ("note", MetricType.TEXT))
METRICS = ("voltage_a", "energy_kwh", "door", "note")
COUNTABLE = (Aggregate.COUNT, Aggregate.FIRST, Aggregate.LAST)

Said = tuple[int, datetime, Mapping[str, Value | None]]


@dataclass(slots=True)
class Story:
    """Meters M-1 and M-2, what they said, and whose M-1 was from when on."""

    pool: Pool
    database: Database
    said: list[Said] = field(default_factory=list)
    moves: list[tuple[datetime, str]] = field(default_factory=list)

    def owner(self, number: int, time: datetime) -> str:
        """Whose a reading is."""
        if number == 2:
            return "power-js"
        return next((to for at, to in reversed(self.moves) if time >= at), "power-js")

    def seen(self, client: str | None, start: datetime, end: datetime) -> list[Said]:
        """What a client (None: who sees everything) sees of a window, in order of time."""
        mine = [
            one
            for one in self.said
            if start <= one[1] < end and client in (None, self.owner(one[0], one[1]))
        ]
        return sorted(mine, key=lambda one: one[1])

    async def read(
        self, scope: Scope, window: tuple[datetime, datetime], metrics: Sequence[str], how: Sampling
    ) -> Series:
        """A series of M-1."""
        async with transaction(self.pool, scope.settings()) as conn:
            return await reader.series(conn, scope, "M-1", metrics, *window, how)

    async def together(
        self, client: str | None, window: tuple[datetime, datetime], metric: str, how: Sampling
    ) -> SetSeries:
        """Of a client's meters, or of all in Nanjing, the sum of what each has."""
        async with transaction(self.pool, everything.settings()) as conn:
            owner = client and (await group_clients.find(conn, everything, client)).id
            among: Filters = {"region": (await regions.find(conn, everything, NANJING)).range}
            return await set_series.together(
                conn, everything, profile="meter", metric=metric, start=window[0], end=window[1],
                sampling=how, across=Across.SUM, owned_by=owner or None,
                among=None if owner else among,
            )  # fmt: skip

    async def store(self, writer: Writer, meter: DeviceProfile, said: Sequence[Said]) -> None:
        """As the bridge does, in a batch."""
        self.said += said
        scales = {m.name: m.decimals for m in meter.metrics}
        rows = rows_of(meter, [(n, unix_us(t), _kept(values, scales)) for n, t, values in said])
        await store(writer, rows, [True] * len(rows))


def _kept(said: Mapping[str, Value | None], scales: Mapping[str, int | None]) -> dict[str, Value]:
    """A reading as it is stored."""
    return {
        name: value if scales[name] is None else round(float(value) * 10 ** (scales[name] or 0))
        for name, value in said.items()
        if value is not None
    }


@pytest.fixture
async def story(database: Database) -> AsyncIterator[Story]:
    """All seasons: half rolled up before two metrics were added, some late, due or not followed."""
    dice = random.Random(11)
    drawn = [
        (number, time, said)
        for number in (1, 2)
        for k, (_, middle) in enumerate(SEASONS)
        for time, said in readings_about(middle, random.Random(10 * number + k))
    ]
    drawn.sort(key=lambda one: one[1])
    *drawn, newest = drawn
    dice.shuffle(drawn)
    half = len(drawn) // 2
    early = [(n, t, {m: s[m] for m in METRICS[:2]}) for n, t, s in drawn[:half]]
    async with settled(database) as pool, writing(database) as writer:
        story = Story(pool, database)
        async with transaction(pool, everything.settings()) as conn:
            for code in ("M-1", "M-2"):
                await terminals.register(
                    conn, everything, code=TerminalCode(code), profile="meter", region=NANJING,
                    group_client="power-js",
                )  # fmt: skip
            meter = await profiles.find(conn, everything, "meter")
        await story.store(writer, meter, early)
        await roll_up(database, NOW)
        async with transaction(pool, everything.settings()) as conn:
            for name, kind in LATER_METRICS:
                added = Metric(name, kind, None, None, None, None, name, name)
                meter = await profiles.add_metric(conn, everything, "meter", added)
        await story.store(writer, meter, drawn[half:-8])
        await roll_up(database, NOW + 5 * DAY)
        await story.store(writer, meter, drawn[-8:])
        async with connected(database.jobs) as conn:
            assert await rollups.catch_up(conn, NOW) > 0
        await story.store(writer, meter, [newest])
        for k, (_, middle) in enumerate(sorted(SEASONS, key=lambda season: season[1])):
            at = middle + dice.randrange(-80_000, 80_000) * timedelta(seconds=1)
            if k == 1:
                at = middle.replace(minute=0, second=0)
            story.moves.append((at, ("power-zj", "power-js")[k % 2]))
            async with transaction(pool, everything.settings()) as conn:
                await ownership.transfer(
                    conn, everything, "M-1", story.moves[-1][1], effective_at=at
                )
        yield story


SCOPES: Sequence[tuple[str | None, Scope]] = (
    (None, everything),
    *(
        (code, Scope.of_role("test", Role.CLIENT_VIEWER, group_clients=frozenset({client})))
        for client, code in ((1, "power-js"), (2, "power-zj"))
    ),
)


def windows(dice: random.Random) -> list[tuple[datetime, datetime, int, ZoneInfo | None]]:
    """Window, step and zone: some whole, some cut anywhere, in every season."""
    drawn: list[tuple[datetime, datetime, int, ZoneInfo | None]] = []
    for name, middle in SEASONS:
        noon = middle.replace(minute=0, second=0)
        midnight = noon.replace(hour=0)
        drawn += [
            (midnight - DAY, midnight + 2 * DAY, 86_400, None),
            (midnight + DAY, midnight + 2 * DAY, 86_400, None),
            (noon - 20 * HOUR, noon + 9 * HOUR, 3600, None),
        ]
        for _ in range(3):
            start = noon - DAY - dice.randrange(86_400) * timedelta(seconds=1)
            end = start + dice.uniform(0.2, 3.5) * DAY
            zone = ZoneInfo(name) if dice.random() < 0.7 else None
            drawn.append((start, end, dice.choice((3600, 21_600, 86_400, 3 * 86_400)), zone))
    return drawn


def modelled(
    said: Sequence[Said], metric: str, aggregate: Aggregate, seconds: int, zone: ZoneInfo | None
) -> dict[datetime, Any]:
    """Of each step with a reading the value, None where no reading has the metric."""
    steps: dict[datetime, list[Any]] = {}
    for _, time, values in said:
        listed = steps.setdefault(step_of(time, seconds, zone), [])
        if values.get(metric) is not None:
            listed.append(values[metric])
    return {
        step: MODELS[aggregate](values) if values or aggregate is Aggregate.COUNT else None
        for step, values in steps.items()
    }


async def test_every_aggregate_from_roll_ups_is_what_a_plain_model_says(story: Story) -> None:
    """For who sees everything and for each owner, whatever is due, unseen, cut or not there yet."""
    dice = random.Random(5)
    resolutions = set()
    for start, end, seconds, zone in windows(dice):
        aggregates = dice.sample(tuple(Aggregate), 3)
        for client, scope in SCOPES:
            said = [one for one in story.seen(client, start, end) if one[0] == 1]
            if not said:
                continue
            for aggregate in aggregates:
                metrics = METRICS if aggregate in COUNTABLE else METRICS[:3]
                how = Sampling(step_seconds=seconds, zone=zone, aggregate=aggregate)
                got = await story.read(scope, (start, end), metrics, how)
                case = f"{client} {start} {end} {seconds} {zone} {aggregate} {got.resolution}"
                assert got.readings == len(said), case
                for metric in metrics:
                    expected = modelled(said, metric, aggregate, seconds, zone)
                    assert list(got.times) == list(expected), case
                    column = list(got.columns[metric])
                    assert column == pytest.approx(list(expected.values())), f"{case} {metric}"
                resolutions.add(got.resolution)
    assert resolutions >= {Resolution.HOURLY, Resolution.DAILY, Resolution.MIXED}


async def test_many_together_from_roll_ups_are_what_a_plain_model_says(story: Story) -> None:
    """Of a client, of which a meter came and went, and of a region: each sums what is its own."""
    dice = random.Random(6)
    resolutions = set()
    for start, end, seconds, zone in windows(dice):
        for client, _ in SCOPES:
            metric = dice.choice(METRICS[:3])
            aggregate = dice.choice(tuple(Aggregate))
            how = Sampling(step_seconds=seconds, zone=zone, aggregate=aggregate)
            got = await story.together(client, (start, end), metric, how)
            said = [one for one in story.seen(client, start, end) if one[2].get(metric) is not None]
            sums: dict[datetime, float] = {}
            for number in (1, 2):
                mine = [one for one in said if one[0] == number]
                for step, value in modelled(mine, metric, aggregate, seconds, zone).items():
                    sums[step] = sums.get(step, 0) + float(value)
            case = f"{client} {start} {end} {seconds} {zone} {metric} {aggregate} {got.resolution}"
            assert list(got.times) == sorted(sums), case
            expected = [sums[step] for step in sorted(sums)]
            assert list(got.columns["value"]) == pytest.approx(expected), case
            assert got.readings == len(said), case
            resolutions.add(got.resolution)
    assert resolutions >= {Resolution.HOURLY, Resolution.DAILY, Resolution.MIXED}
