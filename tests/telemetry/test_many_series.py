"""Series of many terminals, each and together: against a plain model, cut by owner and scope."""

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from foundation.database import Pool, transaction
from registry import group_clients, ownership, regions
from registry.errors import TerminalNotFound
from registry.model import GroupClientId
from registry.scope import Role, Scope
from telemetry import many_series, series, set_series
from telemetry.errors import (
    MetricUnknown,
    SetTooLarge,
    StepMissing,
    TerminalsInvalid,
    TooManyPoints,
    TooManyReadings,
)
from telemetry.model import Across, Aggregate, Fill, Series, SetSeries
from telemetry.sampling import Sampling
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register, settled
from tests.telemetry.test_series import total

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WINDOW = (NOON, NOON + 6 * HOUR)
MOVED_AT = NOON + 2 * HOUR + 7 * MINUTE

Reading = tuple[datetime, str, float | None]


def said_by_all() -> list[Reading]:
    """Six hours of the voltages of six meters, with gaps and absent values."""
    dice = random.Random(3)
    said: list[Reading] = []
    for number in range(1, 7):
        time = NOON + dice.random() * HOUR
        while time < WINDOW[1]:
            value = round(dice.uniform(200, 240), 3) if dice.random() < 0.9 else None
            said.append((time, f"M-{number}", value))
            time += dice.choice((1, 3, 9, 50)) * MINUTE * dice.uniform(0.5, 1.5)
    return sorted(said)


SAID = said_by_all()


@dataclass(frozen=True, slots=True)
class Fleet:
    """M-1 to M-4 of `power-js` in Nanjing, M-5 and M-6 of `power-zj` in Hangzhou.

    M-4 goes to `power-zj` at MOVED_AT.
    """

    pool: Pool
    superuser: str

    async def read(
        self, codes: Sequence[str], scope: Scope = everything, **how: Any
    ) -> list[Series]:
        """The voltages of terminals, each by itself."""
        async with transaction(self.pool, scope.settings()) as conn:
            prepared = await many_series.prepare(
                conn, scope, codes, ["voltage_a"], *WINDOW, Sampling(**how)
            )
            return [await series.read(conn, scope, asked) for asked in prepared]

    async def together(
        self,
        scope: Scope = everything,
        metric: str = "voltage_a",
        across: Across = Across.AVERAGE,
        owned_by: str | None = None,
        within: int | None = None,
        **how: Any,
    ) -> SetSeries:
        """The voltages of a client or of a region as one."""
        owner: GroupClientId | None = None
        async with transaction(self.pool, scope.settings()) as conn:
            if owned_by is not None:
                owner = (await group_clients.find(conn, scope, owned_by)).id
            place = None if within is None else (await regions.find(conn, scope, within)).range
            return await set_series.together(
                conn,
                scope,
                profile="meter",
                metric=metric,
                start=WINDOW[0],
                end=WINDOW[1],
                sampling=Sampling(**how),
                across=across,
                owned_by=owner,
                among=None if place is None else {"region": place},
            )


@pytest.fixture
async def fleet(database: Database) -> AsyncIterator[Fleet]:
    """The fleet, with all that it said."""
    async with settled(database) as pool:
        here = await register(pool, *(f"M-{n}" for n in range(1, 5)), region=NANJING)
        there = await register(pool, "M-5", "M-6", region=HANGZHOU, group_client="power-zj")
        ids = {terminal.code: terminal.id for terminal in (*here, *there)}
        with psycopg.connect(database.superuser, autocommit=True) as conn:
            for time, code, value in SAID:
                conn.execute(
                    "insert into telemetry.meter values (%s, %s, 0, %s, 1)",
                    (time, ids[code], value),
                )
        async with transaction(pool, everything.settings()) as conn_:
            await ownership.transfer(conn_, everything, "M-4", "power-zj", effective_at=MOVED_AT)
        yield Fleet(pool, database.superuser)


def of_client(client: int) -> Scope:
    return Scope.of_role("test", Role.CLIENT_VIEWER, group_clients=frozenset({client}))


def owner(time: datetime, code: str) -> str:
    """Whose a reading is."""
    here = code in ("M-1", "M-2", "M-3") or (code == "M-4" and time < MOVED_AT)
    return "power-js" if here else "power-zj"


MODELS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "sum": sum,
    "count": len,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}


def modelled(
    said: Sequence[Reading], seconds: int, aggregate: str, across: str
) -> dict[datetime, tuple[float, int, int]]:
    """Of each step the value, and of how many readings and terminals it is made."""
    steps: dict[datetime, dict[str, list[float]]] = {}
    for time, code, value in said:
        if value is not None:
            step = datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)
            steps.setdefault(step, {}).setdefault(code, []).append(value)
    return {
        step: (
            MODELS[across]([MODELS[aggregate](values) for values in by_code.values()]),
            sum(map(len, by_code.values())),
            len(by_code),
        )
        for step, by_code in sorted(steps.items())
    }


async def test_all_together_is_what_a_plain_model_says(fleet: Fleet) -> None:
    """Each aggregate of each terminal, and each way across them, over a client and a region."""
    dice = random.Random(4)
    owned = [one for one in SAID if owner(one[0], one[1]) == "power-zj"]
    installed = [one for one in SAID if one[1] in ("M-1", "M-2", "M-3", "M-4")]
    for aggregate in Aggregate:
        for across in Across:
            seconds = dice.choice((300, 900, 3600, 21_600))
            how: dict[str, Any] = {"step_seconds": seconds, "aggregate": aggregate}
            of_all: Mapping[str, Any]
            for said, of_all in (
                (owned, {"owned_by": "power-zj"}),
                (installed, {"within": NANJING}),
            ):
                got = await fleet.together(across=across, **of_all, **how)
                expected = modelled(said, seconds, aggregate, across)
                assert list(got.times) == list(expected)
                columns = list(zip(*expected.values(), strict=True))
                assert list(got.columns["value"]) == pytest.approx(columns[0])
                assert list(got.columns["readings"]) == list(columns[1])
                assert list(got.columns["terminals"]) == list(columns[2])
                assert got.readings == sum(columns[1])
                assert got.terminals == (3 if "owned_by" in of_all else 4)


async def test_gaps_of_all_are_filled_in_the_steps_of_a_zone(fleet: Fleet) -> None:
    """Every step is there; where nobody said anything there are 0 readings of 0 terminals."""
    zone = ZoneInfo("Asia/Kolkata")
    got = await fleet.together(
        owned_by="power-zj", step_seconds=300, zone=zone, fill=Fill.PREVIOUS, across=Across.SUM
    )
    assert list(got.times) == [NOON + k * 5 * MINUTE for k in range(72)]
    counted = dict(zip(got.times, got.columns["readings"], strict=True))
    assert 0 in counted.values()
    assert (got.timezone, got.readings) == ("Asia/Kolkata", total(list(counted.values())))
    first = next(k for k, n in enumerate(counted.values()) if n)
    assert all(value is not None for value in got.columns["value"][first:])


async def test_each_side_of_a_transfer_has_its_own_part_of_a_step(fleet: Fleet) -> None:
    """Whoever asks: the client's own viewer, or who sees everything and asks for the client."""
    for client, code in ((1, "power-js"), (2, "power-zj")):
        own = [one for one in SAID if owner(one[0], one[1]) == code]
        expected = modelled(own, 21_600, "count", "sum")
        asked: dict[str, Any] = {"step_seconds": 21_600, "aggregate": Aggregate.COUNT}
        for scope in (everything, of_client(client)):
            got = await fleet.together(scope, owned_by=code, across=Across.SUM, **asked)
            assert list(got.columns["value"]) == [value for value, _, _ in expected.values()]
            assert got.terminals == {"power-js": 4, "power-zj": 3}[code]
        [mine] = await fleet.read(["M-4"], of_client(client), **asked)
        values = [v for t, c, v in own if c == "M-4" and v is not None]
        assert mine.columns["voltage_a"] == [len(values)]


async def test_many_are_each_as_by_itself(fleet: Fleet) -> None:
    """In the order of their names, raw, by step and for a chart."""
    codes = ["M-6", "M-1", "M-3"]
    raw = await fleet.read(codes)
    assert [one.terminal for one in raw] == codes
    for one in raw:
        mine = [(t, v) for t, code, v in SAID if code == one.terminal]
        assert list(zip(one.times, one.columns["voltage_a"], strict=True)) == mine
    charts = await fleet.read(codes, points=5)
    assert [(len(one.times), one.thinned, one.readings) for one in charts] == [
        (5, True, one.readings) for one in raw
    ]
    [by_step, *_] = await fleet.read(codes, step_seconds=3600, fill=Fill.NULL)
    assert len(by_step.times) == 6


async def test_who_is_not_to_be_seen_refuses_all_by_name(fleet: Fleet) -> None:
    """One of others and one that does not exist are told alike; those that are seen are not."""
    viewer = of_client(1)
    for other in ("M-5", "NONE"):
        with pytest.raises(TerminalNotFound, match=f"^There is no terminal {other}.$"):
            await fleet.read(["M-1", other, "M-2"], viewer)
    with pytest.raises(TerminalNotFound, match="M-5, NONE"):
        await fleet.read(["M-5", "NONE"], viewer)


async def test_what_is_too_much_is_refused_before_it_is_read(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many terminals, readings, values and steps, each with what to do."""
    with pytest.raises(TerminalsInvalid):
        await fleet.read([f"M-{n}" for n in range(101)])
    with pytest.raises(TerminalsInvalid):
        await fleet.read([])
    mine = sum(1 for _, code, _ in SAID if code == "M-1")
    with monkeypatch.context() as bounds:
        bounds.setattr("telemetry.many_series.MOST_POINTS", mine)
        assert len(await fleet.read(["M-1"])) == 1
        bounds.setattr("telemetry.many_series.MOST_POINTS", mine - 1)
        with pytest.raises(TooManyPoints, match="of M-1"):
            await fleet.read(["M-1"])
    with monkeypatch.context() as bounds:
        bounds.setattr("telemetry.series.MOST_READ", mine)
        with pytest.raises(TooManyReadings):
            await fleet.read(["M-1", "M-2"], points=5)
    with monkeypatch.context() as bounds:
        bounds.setattr("telemetry.set_series.MOST_CELLS", 11)
        with pytest.raises(SetTooLarge):
            await fleet.together(owned_by="power-js", step_seconds=7200)
    with monkeypatch.context() as bounds:
        bounds.setattr("telemetry.set_series.MOST_TERMINALS", 3)
        with pytest.raises(SetTooLarge):
            await fleet.together(within=NANJING, step_seconds=7200)
    with pytest.raises(StepMissing):
        await fleet.together(owned_by="power-js")
    with pytest.raises(MetricUnknown):
        await fleet.together(owned_by="power-js", step_seconds=60, metric="speed")
    with pytest.raises(TooManyPoints):
        await fleet.together(owned_by="power-js", step_seconds=1)
