"""Questions that would read too much are refused before they do, with what to narrow."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from foundation.database import transaction
from registry import regions
from telemetry import cost, many_series, reader, set_series
from telemetry.cost import Stretch
from telemetry.errors import QueryTooCostly
from telemetry.model import Aggregate
from telemetry.sampling import Sampling
from tests.conftest import Database
from tests.country import everything, register, settled

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
BY_MINUTES = Sampling(step_seconds=1_800, aggregate=Aggregate.AVERAGE)
BY_DAY = Sampling(step_seconds=86_400, aggregate=Aggregate.AVERAGE)


async def test_years_of_a_whole_fleet_are_refused_and_a_day_is_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reading a minute: two terminals of ten days are 28,800; what is allowed here is 20,000.

    Ten days of a profile whose data began yesterday are those of a day. By days they are read by
    the hour, of which there are roll-ups.
    """
    monkeypatch.setattr(cost, "MOST_READINGS", 20_000)
    async with settled(database) as pool:
        await register(pool, "M-1", "M-2")

        async def asked(days: int, sampling: Sampling = BY_MINUTES) -> None:
            start, end = NOW - days * DAY, NOW
            async with transaction(pool, everything.settings()) as conn:
                place = (await regions.find(conn, everything, 0)).range
                await set_series.together(
                    conn, everything, profile="meter", metric="voltage_a", start=start, end=end,
                    sampling=sampling, among={"region": place},
                )  # fmt: skip
                of = ["M-1", "M-2"]
                await many_series.prepare(conn, everything, of, [], start, end, sampling)
                await reader.series(conn, everything, "M-1", [], start, end, sampling)

        await asked(10)  # there is nothing to read yet
        say(database, NOW - 11 * DAY)
        await asked(1)
        with pytest.raises(QueryTooCostly) as refused:
            await asked(10)
        await asked(10, BY_DAY)

    assert "28,800" in str(refused.value) or "28,799" in str(refused.value)
    assert refused.value.field == "from"
    assert "/api/v1/telemetry/exports" in refused.value.hint


def say(database: Database, time: datetime) -> None:
    """One reading of M-1."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "insert into telemetry.meter select %s, id, 0, 230, 1 from registry.terminal"
            " where code = 'M-1'",
            (time,),
        )


async def test_what_to_narrow_is_what_is_wide(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one terminal the time; of many and a short time the terminals; what is to come is free."""
    monkeypatch.setattr(cost, "MOST_READINGS", 1_000)
    async with settled(database) as pool:
        await register(pool, "M-1")
        say(database, NOW - 30 * DAY)

        async def refusal(count: int, span: timedelta) -> QueryTooCostly:
            stretches = [Stretch("meter", NOW - span, NOW)] * count
            async with transaction(pool, everything.settings()) as conn:
                with pytest.raises(QueryTooCostly) as refused:
                    await cost.check(conn, everything, stretches)
            return refused.value

        one, many = await refusal(1, 10 * DAY), await refusal(900, timedelta(hours=1))
        async with transaction(pool, everything.settings()) as conn:
            await cost.check(conn, everything, [Stretch("meter", NOW, NOW + 900 * DAY)])
            await cost.check(conn, everything, [])

    assert (one.field, many.field) == ("from", "terminals")
    assert "fewer terminals" not in one.hint
    assert "shorter" not in many.hint
