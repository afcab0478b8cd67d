"""What a tier makes of a client's terminals: how many there may be, and while its file is what."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from foundation.database import Pool, open_pool, transaction
from registry import client_files, group_clients, ownership, regions, terminals, tiers, transfers
from registry.errors import TierNotFound
from registry.file_errors import FileNotVerified, TerminalQuotaReached
from registry.file_model import FilePolicy, FileWarning
from registry.model import FileState, RegionRange, TerminalState, Tier
from registry.scope import RightMissing, Role, Scope
from registry.transfer_model import Offer, Side
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register
from tests.registry.imports_ground import HEADER, applied, checked, line, verdicts
from tests.registry.transferring import JOBS, People, execute, find, moved, propose

T = TerminalState
ADMIN = Scope.of_role("user:ada", Role.ADMIN)
OTHER = Scope.of_role("user:bob", Role.ADMIN)


async def terms(pool: Pool, quota: int | None = None, policy: FilePolicy = FilePolicy.WARN) -> None:
    """The terms of the tier of both clients."""
    async with transaction(pool, ADMIN.settings()) as conn:
        await tiers.change(conn, ADMIN, "gold", terminal_quota=quota, file_policy=policy)


async def verify(pool: Pool, code: str = "power-js") -> None:
    for scope, state in ((ADMIN, FileState.FILED), (OTHER, FileState.VERIFIED)):
        async with transaction(pool, scope.settings()) as conn:
            await client_files.move_to(conn, scope, code, state)


async def counted(pool: Pool, code: str = "power-js") -> int:
    async with transaction(pool, ADMIN.settings()) as conn:
        return (await client_files.find(conn, ADMIN, code)).terms.terminals


async def told(pool: Pool, code: str = "power-js") -> tuple[FileWarning, ...]:
    async with transaction(pool, ADMIN.settings()) as conn:
        owner = (await group_clients.find(conn, ADMIN, code)).id
        return await client_files.warnings_of(conn, ADMIN, owner)


async def served(pool: Pool, code: str, scope: Scope = ADMIN) -> None:
    async with transaction(pool, scope.settings()) as conn:
        await terminals.move_to(conn, scope, code, T.IN_SERVICE)


async def own(pool: Pool, code: str, client: str) -> None:
    async with transaction(pool, ADMIN.settings()) as conn:
        await ownership.transfer(conn, ADMIN, code, client)


async def test_no_more_terminals_than_the_tier_allows(pool: Pool) -> None:
    """One by one up to the quota; one that is retired makes room, the operator's own count not."""
    await terms(pool, quota=2)
    await register(pool, "m-1", "m-2", state=T.TESTING)
    await register(pool, "spare", group_client=None)
    with pytest.raises(TerminalQuotaReached) as refused:
        await register(pool, "m-3", state=T.TESTING)
    assert str(refused.value) == (
        "The tier of power-js allows 2 terminals; it has 2, and 1 more would be too many."
    )
    async with transaction(pool, ADMIN.settings()) as conn:
        await terminals.retire(conn, ADMIN, "m-1")
    await register(pool, "m-3", state=T.TESTING)
    assert await counted(pool) == 2


async def test_of_two_that_come_at_once_one_is_refused(pool: Pool) -> None:
    """Neither sees the other's terminal before it is there; there is room for one."""
    await terms(pool, quota=1)
    done = await asyncio.gather(
        register(pool, "m-1", state=T.TESTING),
        register(pool, "m-2", state=T.TESTING),
        return_exceptions=True,
    )
    refused = [type(one) for one in done if isinstance(one, BaseException)]
    assert refused == [TerminalQuotaReached]
    assert await counted(pool) == 1


async def test_from_four_fifths_on_it_is_told(pool: Pool) -> None:
    """To who reads the file, and to nobody else; a smaller quota takes nothing away."""
    await terms(pool, quota=5, policy=FilePolicy.NONE)
    await register(pool, "m-1", "m-2", "m-3")
    assert await told(pool) == ()
    await register(pool, "m-4")
    assert await told(pool) == (FileWarning.QUOTA_NEAR,)
    await terms(pool, quota=2, policy=FilePolicy.NONE)
    assert await counted(pool) == 4
    async with transaction(pool, everything.settings()) as conn:
        owner = (await group_clients.find(conn, everything, "power-js")).id
    client = Scope.of_role("user:c", Role.CLIENT_ADMIN, group_clients=frozenset({owner}))
    async with transaction(pool, client.settings()) as conn:
        assert await client_files.warnings_of(conn, client, owner) == ()


async def test_an_unverified_file_is_told_or_not(pool: Pool) -> None:
    """`warn` lets terminals into service and says so, `none` says nothing."""
    await register(pool, "m-1", state=T.TESTING)
    await served(pool, "m-1")
    assert await told(pool) == (FileWarning.FILE_NOT_VERIFIED,)
    await terms(pool, policy=FilePolicy.NONE)
    assert await told(pool) == ()
    await terms(pool)
    await verify(pool)
    assert await told(pool) == ()


async def test_an_unverified_file_holds_terminals_in_testing(pool: Pool) -> None:
    """Neither moved nor enrolled into service; when it is verified they are, and due they are not.

    What is in service stays there, and comes back from maintenance only when it is verified.
    """
    await terms(pool, policy=FilePolicy.HOLD_IN_TESTING)
    await register(pool, "m-1", "m-2", state=T.TESTING)
    with pytest.raises(FileNotVerified) as refused:
        await served(pool, "m-1")
    assert str(refused.value) == (
        "The file of power-js is not verified: it is surveyed, and the tier keeps terminals out of"
        " service until it is verified."
    )
    with pytest.raises(FileNotVerified):
        await register(pool, "m-3", state=T.IN_SERVICE)
    await verify(pool)
    await served(pool, "m-1")
    async with transaction(pool, ADMIN.settings()) as conn:
        await client_files.move_to(conn, ADMIN, "power-js", FileState.DUE)
        still = await terminals.move_to(conn, ADMIN, "m-1", T.MAINTENANCE)
    assert still.state is T.MAINTENANCE
    for code in ("m-1", "m-2"):
        with pytest.raises(FileNotVerified, match="it is due"):
            await served(pool, code)


async def test_who_does_not_see_the_file_is_not_told_whose_it_is(pool: Pool) -> None:
    """The operator of the region in which another province's terminal stands."""
    await terms(pool, policy=FilePolicy.HOLD_IN_TESTING)
    await register(pool, "away", region=HANGZHOU, state=T.TESTING)
    far = Scope.of_role("user:far", Role.OPERATOR, region=RegionRange(330000, 339999))
    with pytest.raises(FileNotVerified, match="The file of the terminal's owner is not verified"):
        await served(pool, "away", far)


async def test_a_transfer_brings_nobody_more_than_the_tier_allows(
    pool: Pool, people: People, jobs: Pool, database: Database
) -> None:
    """Who receives is told so before it agrees; agreed on in time, it fails for both alike."""
    await register(pool, "m-1", "m-2", region=NANJING)
    await register(pool, "z-1", region=HANGZHOU, group_client="power-zj")
    await terms(pool, quota=2)
    offered = await propose(pool, people.giver, Offer(codes=["m-1", "m-2"], to_client="power-zj"))
    with pytest.raises(TerminalQuotaReached):
        async with transaction(pool, people.receiver.settings()) as conn:
            await transfers.agree(conn, people.receiver, offered.id)
    await terms(pool, quota=3)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    async with transaction(pool, people.giver.settings()) as conn:
        await transfers.withdraw(conn, people.giver, offered.id, "later")
    later = await propose(
        pool, people.giver, Offer(codes=["m-1", "m-2"], to_client="power-zj", effective_at=ahead)
    )
    async with transaction(pool, people.receiver.settings()) as conn:
        await transfers.agree(conn, people.receiver, later.id)
    await register(pool, "z-2", region=HANGZHOU, group_client="power-zj")
    moved(database, later.id, "effective_at", "now()")
    await execute(jobs)
    failed = await find(pool, people.giver, later.id)

    assert (failed.state, failed.end_reason) == ("failed", "receiver_not_ready")
    assert [await counted(pool), await counted(pool, "power-zj")] == [2, 2]
    await own(pool, "m-1", "power-zj")
    with pytest.raises(TerminalQuotaReached):
        await own(pool, "m-2", "power-zj")


async def test_a_terminal_in_service_goes_to_nobody_whose_file_holds_it(
    pool: Pool, people: People
) -> None:
    """One in testing does; the count goes with it."""
    await register(pool, "m-1", region=NANJING)
    await register(pool, "m-2", region=NANJING, state=T.TESTING)
    await terms(pool, policy=FilePolicy.HOLD_IN_TESTING)
    both = {Side.GIVING: "letter 7", Side.RECEIVING: "letter 8"}
    with pytest.raises(FileNotVerified, match="power-zj"):
        await propose(pool, ADMIN, Offer(codes=["m-1"], to_client="power-zj", evidence=both))
    await own(pool, "m-2", "power-zj")
    assert [await counted(pool), await counted(pool, "power-zj")] == [1, 1]


def file_of(*states: str) -> bytes:
    rows = [line(n, state=state) for n, state in enumerate(states, 1)]
    return "\n".join([HEADER, *rows]).encode()


async def test_a_file_is_judged_by_quota(pool: Pool, database: Database) -> None:
    """Row by row, wrong rows not counted; the first of the last fifth is told, and all may pass."""
    await register(pool, "m-0", state=T.TESTING)
    await terms(pool, quota=4, policy=FilePolicy.NONE)
    content = file_of("testing", "nonsense", *["testing"] * 4)
    dry = await checked(pool, database, content)
    found = await verdicts(pool, dry.id)
    done = await applied(pool, database, content)

    assert found == {
        3: [("state", "unknown_word")],
        5: [("group_client", "quota_near")],
        6: [("group_client", "terminal_quota_reached")],
        7: [("group_client", "terminal_quota_reached")],
    }
    assert (done.created, await counted(pool)) == (3, 4)
    assert (await applied(pool, database, content)).unchanged == 3


async def test_a_file_is_judged_as_a_whole(
    pool: Pool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Portions that are each within the quota, and together are not."""
    monkeypatch.setattr("registry.imports.checking.PORTION_ROWS", 2)
    monkeypatch.setattr("registry.imports.staging.PORTION_ROWS", 2)
    await terms(pool, quota=3, policy=FilePolicy.NONE)
    dry = await checked(pool, database, file_of(*["testing"] * 5))
    assert await verdicts(pool, dry.id) == {
        5: [("group_client", "terminal_quota_reached")],
        6: [("group_client", "terminal_quota_reached")],
    }
    assert dry.wrong == 2


async def test_a_file_is_judged_by_the_files_of_its_owners(pool: Pool, database: Database) -> None:
    """Held: no row comes into service, others do; told: all come, and each is told."""
    content = file_of("testing", "in_service")
    warned = await checked(pool, database, content)
    assert (warned.wrong, await verdicts(pool, warned.id)) == (
        0,
        {3: [("state", "file_unverified")]},
    )
    await terms(pool, policy=FilePolicy.HOLD_IN_TESTING)
    done = await applied(pool, database, content)
    assert await verdicts(pool, done.id) == {3: [("state", "file_not_verified")]}
    assert done.created == 1


async def test_tiers_are_everybodys_to_read_and_the_headquarters_to_change(
    pool: Pool, database: Database
) -> None:
    """By right and by policy; the reference data give way to what somebody changed."""
    operator = Scope.of_role("user:o", Role.OPERATOR, region=RegionRange(320000, 329999))
    async with transaction(pool, operator.settings()) as conn:
        [gold] = await tiers.list_all(conn, operator)
        with pytest.raises(RightMissing):
            await tiers.change(conn, operator, "gold", terminal_quota=1)
        with pytest.raises(TierNotFound):
            await tiers.find(conn, operator, "tin")
        passed = await conn.execute("update registry.tier set terminal_quota = 1")
    assert (gold.terminal_quota, gold.file_policy, passed.rowcount) == (None, FilePolicy.WARN, 0)
    await terms(pool, quota=9)
    again = Tier("gold", "金", "Gold", 2.0, 1100, None)
    async with await open_pool(database.owner, name="owner") as owners, transaction(owners) as conn:
        await regions.put(conn, everything, [], [], [again])
    async with transaction(pool, ADMIN.settings()) as conn:
        kept = await tiers.find(conn, ADMIN, "gold")
    assert (kept.terminal_quota, kept.version, kept.title_zh) == (9, 2, "金牌")
    with psycopg.connect(database.superuser) as conn_of_all:
        written = conn_of_all.execute(
            "select actor from registry.audit where action = 'tier.update'"
        ).fetchall()
    assert written == [("user:ada",)]


async def test_the_jobs_do_what_is_due(pool: Pool, jobs: Pool) -> None:
    """As their own role, which never renames a client."""
    await verify(pool)
    async with transaction(jobs, JOBS.settings()) as conn:
        assert await client_files.end_verifications(conn, JOBS) == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute("update registry.group_client set code = 'A'")
