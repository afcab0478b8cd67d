"""Packages: defined, given to clients from a date, undone, and what their terminals are of."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from foundation.database import Pool, open_pool, transaction
from registry import (
    client_packages,
    client_tiers,
    group_clients,
    packages,
    profiles,
    regions,
    terminals,
)
from registry.errors import GroupClientNotFound, ProfileNotFound, TierNotFound
from registry.identifiers import TerminalCode
from registry.model import GroupClient, RegionRange, Tier
from registry.package_model import (
    ClientPackage,
    Package,
    PackageDateInvalid,
    PackageInvalid,
    PackageNotFound,
    PackageOver,
    PackageOverlaid,
    PackagePlanned,
    PackageRetired,
    PackageState,
    PackageTaken,
    PackageThere,
    ProfileMissing,
)
from registry.scope import RightMissing, Role, Scope
from tests.conftest import Database
from tests.country import JIANGSU, METER, everything
from tests.registry.transferring import JOBS

ADMIN = Scope.of_role("user:ada", Role.ADMIN)
OPERATOR = Scope.of_role("user:o", Role.OPERATOR, region=RegionRange(320000, 329999))
S = PackageState
HOUR = timedelta(hours=1)
CLIENT = "power-js"


@pytest.fixture
async def offered(pool: Pool, database: Database) -> Pool:
    """Besides the tier gold: silver, a trial of it; and a package of each of the two."""
    more = [
        Tier("silver", "银牌", "Silver", 2.5, 400, 50),
        Tier("trial", "试用", "Trial", 5.0, 30, 20, trial_days=10, after_trial="silver"),
    ]
    async with await open_pool(database.owner, name="owner") as owners, transaction(owners) as conn:
        await regions.put(conn, everything, [], [], more)
    await define(pool, "metering", "silver", ["meter"])
    await define(pool, "taster", "trial")
    return pool


async def define(pool: Pool, code: str, tier: str, named: list[str] | None = None) -> Package:
    async with transaction(pool, ADMIN.settings()) as conn:
        return await packages.define(
            conn, ADMIN, code=code, title_zh=code, title_en=code, tier=tier, profiles=named or []
        )


async def change(pool: Pool, code: str, **changed: Any) -> Package:
    async with transaction(pool, ADMIN.settings()) as conn:
        return await packages.change(conn, ADMIN, code, **changed)


async def retire(pool: Pool, code: str) -> Package:
    async with transaction(pool, ADMIN.settings()) as conn:
        return await packages.retire(conn, ADMIN, code)


async def give(
    pool: Pool, package: str, at: datetime | None = None, scope: Scope = OPERATOR
) -> ClientPackage:
    async with transaction(pool, scope.settings()) as conn:
        return await client_packages.apply(conn, scope, CLIENT, package, valid_from=at, note=" n ")


async def undo(pool: Pool, number: int, scope: Scope = OPERATOR) -> ClientPackage:
    async with transaction(pool, scope.settings()) as conn:
        return await client_packages.undo(conn, scope, CLIENT, number)


async def client(pool: Pool) -> GroupClient:
    async with transaction(pool, ADMIN.settings()) as conn:
        return await group_clients.find(conn, ADMIN, CLIENT)


async def history(pool: Pool) -> list[tuple[str, PackageState]]:
    """Its packages, newest first."""
    async with transaction(pool, ADMIN.settings()) as conn:
        page = await client_packages.list_page(conn, ADMIN, CLIENT)
    return [(one.package_code, one.state) for one in page.items]


async def begin(jobs: Pool) -> bool:
    async with transaction(jobs, JOBS.settings()) as conn:
        return await client_packages.begin_next(conn, JOBS)


def come(database: Database) -> None:
    """Let the time of what is planned have come."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            "update registry.client_package set valid_from = now() where state = 'planned'"
        )


async def test_a_package_is_what_it_is_made_of(offered: Pool) -> None:
    """In its order; what is named twice, is not there or is taken is refused."""
    async with transaction(offered, ADMIN.settings()) as conn:
        await profiles.define(conn, ADMIN, replace(METER, code="meter_two"))
    changed = await change(offered, "metering", title_en="Meters", profiles=["meter_two", "meter"])
    assert (changed.title_en, changed.title_zh) == ("Meters", "metering")
    assert list(changed.profiles) == ["meter_two", "meter"]
    assert (changed.tier_code, changed.version) == ("silver", 2)
    for error, code, tier, named in (
        (PackageTaken, "metering", "gold", []),
        (PackageInvalid, "a b", "gold", []),
        (PackageInvalid, "new", "gold", ["meter", "meter"]),
        (TierNotFound, "new", "tin", []),
        (ProfileNotFound, "new", "gold", ["nothing"]),
    ):
        with pytest.raises(error):
            await define(offered, code, tier, named)
    with pytest.raises(PackageNotFound):
        await change(offered, "nothing", title_en="x")
    async with transaction(offered, OPERATOR.settings()) as conn:
        listed = await packages.list_all(conn, OPERATOR)
        with pytest.raises(RightMissing):
            await packages.retire(conn, OPERATOR, "metering")
        passed = await conn.execute("update registry.package set tier_code = 'gold'")
    assert [one.code for one in listed] == ["metering", "taster"]
    assert passed.rowcount == 0


async def test_a_package_brings_its_tier_at_once_and_undoing_the_one_before(offered: Pool) -> None:
    """In one step; the client's version counts each, and the history keeps all."""
    before = await client(offered)
    first = await give(offered, "metering")
    assert (first.state, first.tier_code, first.former_tier_code) == (S.IN_FORCE, "silver", "gold")
    assert (first.note, first.applied_by, first.version) == (
        "n",
        OPERATOR.actor,
        before.version + 1,
    )
    second = await give(offered, "taster")
    tried = await client(offered)
    assert tried.tier_code == "trial"
    assert tried.tier_until is not None
    assert await history(offered) == [("taster", S.IN_FORCE), ("metering", S.ENDED)]
    undone = await undo(offered, second.id)
    assert (undone.state, undone.undone_by) == (S.UNDONE, OPERATOR.actor)
    back = await client(offered)
    assert (back.tier_code, back.tier_until) == ("silver", None)
    assert await history(offered) == [("taster", S.UNDONE), ("metering", S.IN_FORCE)]
    with pytest.raises(PackageOver):
        await undo(offered, second.id)
    await undo(offered, first.id)
    assert (await client(offered)).tier_code == "gold"
    assert await history(offered) == [("taster", S.UNDONE), ("metering", S.UNDONE)]


async def test_a_trial_that_was_left_for_a_package_goes_on_when_it_is_undone(offered: Pool) -> None:
    """With the end that it had."""
    await give(offered, "taster")
    async with transaction(offered, OPERATOR.settings()) as conn:
        until = datetime.now(UTC) + 99 * HOUR
        await client_tiers.put_on(conn, OPERATOR, CLIENT, "trial", until=until)
    metering = await give(offered, "metering")
    assert (await client(offered)).tier_until is None
    await undo(offered, metering.id)
    assert (await client(offered)).tier_until == until


async def test_what_was_changed_since_is_not_undone(offered: Pool) -> None:
    """Another tier, or another end of its trial: nobody's later word is lost."""
    given = await give(offered, "taster")
    async with transaction(offered, OPERATOR.settings()) as conn:
        until = datetime.now(UTC) + 99 * HOUR
        await client_tiers.put_on(conn, OPERATOR, CLIENT, "trial", until=until)
    with pytest.raises(PackageOverlaid):
        await undo(offered, given.id)
    async with transaction(offered, OPERATOR.settings()) as conn:
        await client_tiers.put_on(conn, OPERATOR, CLIENT, "gold")
    with pytest.raises(PackageOverlaid):
        await undo(offered, given.id)
    assert (await client(offered)).tier_code == "gold"
    assert await history(offered) == [("taster", S.IN_FORCE)]


async def test_a_package_of_a_time_to_come(offered: Pool, jobs: Pool, database: Database) -> None:
    """Changes nothing before; then it comes into force once, as the system, whoever tries."""
    await give(offered, "metering")
    planned = await give(offered, "taster", datetime.now(UTC) + HOUR)
    assert (planned.state, planned.tier_code) == (S.PLANNED, None)
    assert (await client(offered)).tier_code == "silver"
    assert not await begin(jobs)
    for package, at in (("taster", None), ("metering", datetime.now(UTC) + 2 * HOUR)):
        with pytest.raises(PackagePlanned):
            await give(offered, package, at)
    come(database)
    assert sorted(await asyncio.gather(begin(jobs), begin(jobs))) == [False, True]
    after = await client(offered)
    assert after.tier_code == "trial"
    assert after.tier_until is not None
    assert await history(offered) == [("taster", S.IN_FORCE), ("metering", S.ENDED)]
    with psycopg.connect(database.superuser) as conn:
        written = conn.execute(
            "select distinct action from registry.audit where actor = %s", (JOBS.actor,)
        ).fetchall()
    assert {action for (action,) in written} == {"client_package.update", "group_client.update"}
    await undo(offered, planned.id)
    assert (await client(offered)).tier_code == "silver"


async def test_a_plan_is_called_off(offered: Pool, jobs: Pool, database: Database) -> None:
    """Then it does not come, and another one may be planned."""
    planned = await give(offered, "taster", datetime.now(UTC) + HOUR)
    assert (await undo(offered, planned.id)).state is S.CALLED_OFF
    come(database)
    assert not await begin(jobs)
    assert (await client(offered)).tier_code == "gold"
    await give(offered, "metering", datetime.now(UTC) + HOUR)
    assert await history(offered) == [("metering", S.PLANNED), ("taster", S.CALLED_OFF)]


async def test_of_two_plans_at_once_one_is_refused(offered: Pool) -> None:
    """And of two that give it at once one comes after the other: the last one is in force."""
    at = datetime.now(UTC) + HOUR
    done = await asyncio.gather(
        give(offered, "taster", at), give(offered, "metering", at), return_exceptions=True
    )
    refused = [type(one) for one in done if isinstance(one, BaseException)]
    assert refused == [PackagePlanned]
    (planned,) = [one for one in done if isinstance(one, ClientPackage)]
    await undo(offered, planned.id)
    first, second = await asyncio.gather(give(offered, "taster"), give(offered, "metering"))
    last = max(first, second, key=lambda one: one.version)
    assert (await client(offered)).tier_code == last.tier_code
    states = [state for _, state in await history(offered)]
    assert sorted(states) == [S.CALLED_OFF, S.ENDED, S.IN_FORCE]


async def test_of_two_that_undo_at_once_one_is_late(offered: Pool) -> None:
    """The tier before comes back once."""
    await give(offered, "metering")
    given = await give(offered, "taster")
    done = await asyncio.gather(
        undo(offered, given.id), undo(offered, given.id), return_exceptions=True
    )
    assert [type(one) for one in done if isinstance(one, BaseException)] == [PackageOver]
    assert await history(offered) == [("taster", S.UNDONE), ("metering", S.IN_FORCE)]


async def test_a_retired_package_is_given_to_nobody(offered: Pool) -> None:
    """Not while it is planned for somebody; who has it keeps it."""
    planned = await give(offered, "metering", datetime.now(UTC) + HOUR)
    with pytest.raises(PackagePlanned, match="power-js is to have"):
        await retire(offered, "metering")
    await undo(offered, planned.id)
    await give(offered, "metering")
    assert (await retire(offered, "metering")).retired_at is not None
    assert await history(offered) == [("metering", S.IN_FORCE), ("metering", S.CALLED_OFF)]
    for late in (retire(offered, "metering"), change(offered, "metering", title_en="x")):
        with pytest.raises(PackageRetired):
            await late
    await give(offered, "taster")
    with pytest.raises(PackageRetired):
        await give(offered, "metering")


async def test_giving_and_retiring_at_once(offered: Pool) -> None:
    """Either it is retired, or somebody is to have it: never both."""
    at = datetime.now(UTC) + HOUR
    done = await asyncio.gather(
        give(offered, "metering", at), retire(offered, "metering"), return_exceptions=True
    )
    refused = [type(one) for one in done if isinstance(one, BaseException)]
    assert refused in ([PackageRetired], [PackagePlanned])


async def test_bad_requests(offered: Pool) -> None:
    """Times that have passed or are too far, what the client has, what is not in sight."""
    for at in (datetime.now(UTC) - HOUR, datetime.now(UTC) + timedelta(days=5000)):
        with pytest.raises(PackageDateInvalid):
            await give(offered, "metering", at)
    with pytest.raises(PackageNotFound):
        await give(offered, "nothing")
    with pytest.raises(PackageNotFound):
        await undo(offered, 4711)
    await give(offered, "metering")
    with pytest.raises(PackageThere):
        await give(offered, "metering")
    far = Scope.of_role("user:far", Role.OPERATOR, region=RegionRange(330000, 339999))
    manager = Scope.of_role("user:m", Role.ACCOUNT_MANAGER, group_clients=frozenset({1}))
    with pytest.raises(GroupClientNotFound):
        await give(offered, "taster", scope=far)
    with pytest.raises(RightMissing):
        await give(offered, "taster", scope=manager)


async def test_another_tier_of_a_package_is_for_who_gets_it(offered: Pool) -> None:
    """Who has it keeps the tier until it is given again."""
    await give(offered, "metering")
    await change(offered, "metering", tier="gold")
    assert (await client(offered)).tier_code == "silver"
    again = await give(offered, "metering")
    assert (again.tier_code, again.former_tier_code) == ("gold", "silver")


async def test_a_terminal_without_a_profile_is_of_its_owners_first_one(offered: Pool) -> None:
    """Where the package names one; else it has to be named."""

    async def register(code: str, owner: str | None) -> str:
        async with transaction(offered, OPERATOR.settings()) as conn:
            registered = await terminals.register(
                conn,
                OPERATOR,
                code=TerminalCode(code),
                profile=None,
                region=JIANGSU,
                group_client=owner,
            )
        return registered.terminal.profile_code

    for owner in (CLIENT, None):
        with pytest.raises(ProfileMissing):
            await register("m-1", owner)
    given = await give(offered, "metering")
    assert await register("m-1", CLIENT) == "meter"
    await undo(offered, given.id)
    with pytest.raises(ProfileMissing):
        await register("m-2", CLIENT)


async def test_packages_are_the_operators_to_know(offered: Pool) -> None:
    """A client reads its tier and no packages, in the audit neither."""
    given = await give(offered, "metering")
    own = Scope.of_role(
        "user:c", Role.CLIENT_ADMIN, group_clients=frozenset({(await client(offered)).id})
    )
    async with transaction(offered, own.settings()) as conn:
        with pytest.raises(RightMissing):
            await client_packages.find(conn, own, CLIENT, given.id)
        for table in ("package", "package_profile", "client_package"):
            cursor = await conn.execute(f"select count(*) as n from registry.{table}".encode())
            row = await cursor.fetchone()
            assert row == {"n": 0}
        cursor = await conn.execute("select distinct action from registry.audit")
        told = {row["action"] async for row in cursor}
    assert not any("package" in action for action in told)
