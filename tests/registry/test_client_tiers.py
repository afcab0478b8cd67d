"""Which tier a client is on: changed, tried, prolonged, and left when the trial is over."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Unpack

import psycopg
import pytest

from foundation.database import Pool, open_pool, transaction
from registry import client_files, client_tiers, group_clients, regions, tiers
from registry.errors import GroupClientNotFound, TierNotFound
from registry.file_errors import TierUnchanged, TrialEndInvalid, TrialInvalid
from registry.file_model import FilePolicy, FileWarning
from registry.model import GroupClient, RegionRange, Tier
from registry.scope import RightMissing, Role, Scope
from tests.conftest import Database
from tests.country import JIANGSU, everything
from tests.registry.transferring import JOBS

ADMIN = Scope.of_role("user:ada", Role.ADMIN)
JIANGSU_ONLY = Scope.of_role("user:o", Role.OPERATOR, region=RegionRange(320000, 329999))
DAY = timedelta(days=1)


@pytest.fixture
async def trial(pool: Pool, database: Database) -> Pool:
    """Besides gold, for good: silver, and a tier that is tried for ten days before silver."""
    more = [
        Tier("trial", "试用", "Trial", 5.0, 30, 20, trial_days=10, after_trial="silver"),
        Tier("silver", "银牌", "Silver", 2.5, 400, 50, 500, 1000, 60, 99),
    ]
    async with await open_pool(database.owner, name="owner") as owners, transaction(owners) as conn:
        await regions.put(conn, everything, [], [], more)
    async with transaction(pool, ADMIN.settings()) as conn:
        for code in ("gold", "silver", "trial"):
            await tiers.change(conn, ADMIN, code, file_policy=FilePolicy.NONE)
    return pool


async def put_on(
    pool: Pool, tier: str, until: datetime | None = None, scope: Scope = ADMIN
) -> GroupClient:
    async with transaction(pool, scope.settings()) as conn:
        return await client_tiers.put_on(conn, scope, "power-js", tier, until=until)


async def found(pool: Pool) -> GroupClient:
    async with transaction(pool, ADMIN.settings()) as conn:
        return await group_clients.find(conn, ADMIN, "power-js")


async def told(pool: Pool) -> tuple[FileWarning, ...]:
    async with transaction(pool, ADMIN.settings()) as conn:
        return (await client_files.find(conn, ADMIN, "power-js")).terms.warnings


async def end_trials(jobs: Pool) -> int:
    async with transaction(jobs, JOBS.settings()) as conn:
        return await client_tiers.end_trials(conn, JOBS)


async def test_a_trial_has_its_days_and_a_tier_for_good_none(trial: Pool) -> None:
    """Whoever puts a client on it may say until when; what is asked for twice is told."""
    tried = await put_on(trial, "trial")
    assert tried.tier_until is not None
    assert abs(tried.tier_until - datetime.now(UTC) - 10 * DAY) < timedelta(minutes=10)
    with pytest.raises(TierUnchanged):
        await put_on(trial, "trial")
    longer = await put_on(trial, "trial", tried.tier_until + 30 * DAY)
    assert longer.tier_until == tried.tier_until + 30 * DAY
    assert longer.version == tried.version + 1
    for_good = await put_on(trial, "gold")
    assert (for_good.tier_code, for_good.tier_until) == ("gold", None)
    with pytest.raises(TrialEndInvalid, match="gold is for good"):
        await put_on(trial, "gold", datetime.now(UTC) + DAY)
    for at in (datetime.now(UTC) - DAY, datetime.now(UTC) + 5000 * DAY):
        with pytest.raises(TrialEndInvalid):
            await put_on(trial, "trial", at)
    with pytest.raises(TierNotFound):
        await put_on(trial, "tin")


async def test_a_new_client_on_a_trial_has_its_days(trial: Pool) -> None:
    """However it comes onto the roll."""
    async with transaction(trial, ADMIN.settings()) as conn:
        new = await group_clients.register(
            conn, ADMIN, code="new", name="new", region=JIANGSU, industry="power", tier="trial"
        )
    assert new.tier_until is not None


async def test_who_may(trial: Pool) -> None:
    """Operators of the own clients; nobody who only keeps files."""
    far = Scope.of_role("user:far", Role.OPERATOR, region=RegionRange(330000, 339999))
    manager = Scope.of_role("user:m", Role.ACCOUNT_MANAGER, group_clients=frozenset({1}))
    assert (await put_on(trial, "silver", scope=JIANGSU_ONLY)).tier_code == "silver"
    with pytest.raises(GroupClientNotFound):
        await put_on(trial, "gold", scope=far)
    with pytest.raises(RightMissing):
        await put_on(trial, "gold", scope=manager)


async def test_a_trial_ends_in_the_tier_after_it(
    trial: Pool, jobs: Pool, database: Database
) -> None:
    """When its time has come, once, by the system, as the audit tells; not before."""
    await put_on(trial, "trial", datetime.now(UTC) + 15 * DAY)
    assert await told(trial) == ()
    await put_on(trial, "trial", datetime.now(UTC) + 13 * DAY)
    assert await told(trial) == (FileWarning.TRIAL_ENDING,)
    assert await end_trials(jobs) == 0
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("update registry.group_client set tier_until = now() where code = 'power-js'")
    assert sum(await asyncio.gather(end_trials(jobs), end_trials(jobs))) == 1
    after = await found(trial)
    assert (after.tier_code, after.tier_until) == ("silver", None)
    assert await told(trial) == ()
    with psycopg.connect(database.superuser) as conn:
        written = conn.execute(
            "select actor, changes -> 0 -> 'after' ->> 'tier_code' from registry.audit"
            " where action = 'group_client.update' order by id desc limit 1"
        ).fetchone()
    assert written == (JOBS.actor, "silver")


async def test_a_trial_ends_in_a_tier_for_good(trial: Pool) -> None:
    """Days and the tier after them come together, and no trial follows another one."""

    async def change(code: str, **changed: Unpack[tiers.Change]) -> None:
        async with transaction(trial, ADMIN.settings()) as conn:
            await tiers.change(conn, ADMIN, code, **changed)

    for code, changed in (
        ("gold", {"trial_days": 10}),
        ("gold", {"after_trial": "silver"}),
        ("gold", {"trial_days": 10, "after_trial": "gold"}),
        ("gold", {"trial_days": 10, "after_trial": "trial"}),
        ("silver", {"trial_days": 10, "after_trial": "gold"}),
        ("trial", {"trial_days": None}),
    ):
        with pytest.raises(TrialInvalid):
            await change(code, **changed)
    with pytest.raises(TierNotFound):
        await change("gold", trial_days=10, after_trial="tin")
    await change("trial", trial_days=None, after_trial=None)
    await change("silver", trial_days=10, after_trial="gold")


async def test_a_trial_that_is_none_any_more_ends_where_it_is(
    trial: Pool, jobs: Pool, database: Database
) -> None:
    """Who has an end on a tier that became one for good stays on it."""
    await put_on(trial, "trial")
    async with transaction(trial, ADMIN.settings()) as conn:
        await tiers.change(conn, ADMIN, "trial", trial_days=None, after_trial=None)
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("update registry.group_client set tier_until = now() where code = 'power-js'")
    assert await end_trials(jobs) == 1
    after = await found(trial)
    assert (after.tier_code, after.tier_until) == ("trial", None)


@pytest.mark.parametrize(
    ("messages", "size", "expected"),
    [
        (0.79 * 500, 0.79 * 1000, ()),
        (0.81 * 500, 0.79 * 1000, (FileWarning.MESSAGES_NEAR,)),
        (0.79 * 500, 0.81 * 1000, (FileWarning.BYTES_NEAR,)),
    ],
)
async def test_from_four_fifths_of_its_rates_on_it_is_told(
    trial: Pool, database: Database, messages: float, size: float, expected: tuple[FileWarning, ...]
) -> None:
    """By the average of yesterday, all regions together; today is not over."""
    client = await put_on(trial, "silver")
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        for day, region, share in (
            (1, 320000, 0.25),
            (1, 320100, 0.75),
            (0, 320000, 9),
            (2, 320000, 9),
        ):
            conn.execute(
                "insert into telemetry.completeness_daily (day, group_client_id, region_code,"
                " sector, received, stored, duplicate, quarantined, late, bytes)"
                " values ((now() at time zone 'UTC')::date - %s, %s, %s, 'power',"
                " %s, 0, 0, 0, 0, %s)",
                (day, client.id, region, share * messages * 86400, share * size * 86400),
            )
    assert await told(trial) == expected


async def test_all_terms_are_kept(trial: Pool) -> None:
    """What does not act yet is stored and changed like the rest; null takes a limit away."""
    async with transaction(trial, ADMIN.settings()) as conn:
        silver = await tiers.find(conn, ADMIN, "silver")
        changed = await tiers.change(
            conn, ADMIN, "silver", bytes_per_second=7, alarm_response_minutes=8, series_cap=None
        )
    assert (silver.bytes_per_second, silver.alarm_response_minutes, silver.series_cap) == (
        1000,
        60,
        99,
    )
    assert (changed.bytes_per_second, changed.alarm_response_minutes, changed.series_cap) == (
        7,
        8,
        None,
    )
