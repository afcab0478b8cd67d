"""Client files: their life, who makes which move, what is known, and what is never rewritten."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from foundation.database import Pool, open_pool, transaction
from registry import audit, client_files, file_life, group_clients
from registry.errors import GroupClientNotFound, IntervalEmpty, MomentAhead, TransitionRefused
from registry.file_errors import (
    ContactInvalid,
    CreditCodeTaken,
    DueDateInvalid,
    EvidenceInvalid,
    EvidenceThere,
    FileClosed,
    FileReasonMissing,
    SameHand,
)
from registry.file_model import ClientFile, Contact, Document
from registry.identifiers import CreditCode
from registry.model import FileState, RegionRange, Standing, ValueGrade
from registry.scope import ROLES, RightMissing, Role, Scope
from tests.conftest import Database
from tests.country import everything

F = FileState
DAY = timedelta(days=1)
LICENCE = Document.of("licence.pdf", "ab" * 32, "seen at the counter")
CODE = CreditCode.parse("91350100M000100Y43")
FILER, OTHER = (Scope.of_role(f"user:{name}", Role.ADMIN) for name in ("fei", "wei"))


async def moved(pool: Pool, scope: Scope, to: FileState, **more: Any) -> ClientFile:
    async with transaction(pool, scope.settings()) as conn:
        return await client_files.move_to(conn, scope, "power-js", to, **more)


async def changed(pool: Pool, scope: Scope, code: str = "power-js", **more: Any) -> ClientFile:
    async with transaction(pool, scope.settings()) as conn:
        return await client_files.change(conn, scope, code, **more)


async def verified(pool: Pool, **more: Any) -> ClientFile:
    """The file of power-js, filed by fei and verified by wei."""
    await moved(pool, FILER, F.FILED)
    return await moved(pool, OTHER, F.VERIFIED, **more)


async def manager(pool: Pool, role: Role, code: str = "power-js") -> Scope:
    async with transaction(pool, everything.settings()) as conn:
        client = await group_clients.find(conn, everything, code)
    return Scope.of_role(f"user:{role}", role, group_clients=frozenset({client.id}))


async def ended(database: Database, most: int = client_files.MOST_ENDED) -> int:
    """What the jobs do, as their role."""
    jobs = Scope.system("jobs")
    async with (
        await open_pool(database.jobs, name="jobs", max_size=1) as opened,
        transaction(opened, jobs.settings()) as conn,
    ):
        return await client_files.end_verifications(conn, jobs, most)


def let_time_pass(database: Database) -> None:
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("update registry.group_client set due_at = now() where due_at is not null")


def test_the_table_is_the_life_of_the_product() -> None:
    """Forward to verified, from there to due and back; closed from everywhere, and to the start."""
    ways = {(a, b) for a, to in file_life.MOVES.items() for b in to}
    line = [F.SURVEYED, F.FILED, F.VERIFIED, F.DUE, F.VERIFIED]

    assert ways == {
        *itertools.pairwise(line),
        *((state, F.CLOSED) for state in line),
        (F.CLOSED, F.SURVEYED),
    }


def test_each_move_is_the_affair_of_some_roles() -> None:
    """As the guide says; nobody of a client's own has any."""
    may = {
        state: {role for role, rights in ROLES.items() if file_life.right_to(state) in rights}
        for state in FileState
    }
    house = {Role.ADMIN, Role.OPERATOR, Role.ACCOUNT_MANAGER}

    assert may == {
        F.SURVEYED: {Role.ADMIN, Role.OPERATOR},
        F.FILED: house | {Role.AGENT},
        F.VERIFIED: house,
        F.DUE: house,
        F.CLOSED: house,
    }


async def test_a_file_is_filed_and_verified_by_two_people(pool: Pool) -> None:
    """Who, when and until when stand in the file, and every state in its history."""
    filed = await moved(pool, FILER, F.FILED, reason="visited")
    assert (filed.filed_by, filed.verified_by, filed.due_at) == ("user:fei", None, None)
    with pytest.raises(SameHand):
        await moved(pool, FILER, F.VERIFIED)
    assert F.VERIFIED not in file_life.moves_from(F.FILED, "user:fei", FILER)
    done = await moved(pool, OTHER, F.VERIFIED, reason="called back")
    async with transaction(pool, OTHER.settings()) as conn:
        told = (await client_files.list_moves(conn, OTHER, "power-js")).items

    assert (done.filed_by, done.verified_by) == ("user:fei", "user:wei")
    assert done.due_at == done.file_since + 365 * DAY
    assert [(m.from_state, m.to_state, m.actor, m.reason) for m in told] == [
        (F.FILED, F.VERIFIED, "user:wei", "called back"),
        (F.SURVEYED, F.FILED, "user:fei", "visited"),
        (None, F.SURVEYED, "system:test", None),
    ]


async def test_the_database_says_so_too(pool: Pool, database: Database) -> None:
    """Not by way of another statement either, and not by rewriting what was."""
    await moved(pool, FILER, F.FILED)
    with psycopg.connect(database.superuser) as conn:
        conn.execute("select set_config('muster.actor', 'user:fei', false)")
        conn.commit()
        with pytest.raises(psycopg.errors.CheckViolation, match="who_files_does_not_verify"):
            conn.execute("update registry.group_client set file_state = 'verified'")
        conn.rollback()
        for table in ("client_file_move", "client_standing", "client_evidence"):
            for act in (f"delete from registry.{table}", f"truncate registry.{table}"):
                with pytest.raises(psycopg.Error, match="only ever added to"):
                    conn.execute(act.encode())
                conn.rollback()


async def test_there_is_no_other_way(pool: Pool) -> None:
    """A refusal names the ways; closing and reopening say why; a date lies ahead."""
    with pytest.raises(TransitionRefused) as told:
        await moved(pool, OTHER, F.VERIFIED)
    assert str(told.value) == (
        "A file cannot go from surveyed to verified; from surveyed it may go to: filed, closed."
    )
    with pytest.raises(FileReasonMissing):
        await moved(pool, OTHER, F.CLOSED, reason="  ")
    await moved(pool, OTHER, F.CLOSED, reason="gone to a rival")
    with pytest.raises(FileClosed):
        await changed(pool, OTHER, needs="none")
    keeper = await manager(pool, Role.ACCOUNT_MANAGER)
    with pytest.raises(RightMissing):
        await moved(pool, keeper, F.SURVEYED, reason="back")
    again = await moved(pool, OTHER, F.SURVEYED, reason="back")
    assert (again.file_state, again.filed_by, again.due_at) == (F.SURVEYED, None, None)
    await moved(pool, FILER, F.FILED)
    for wrong in (datetime.now(UTC) - DAY, datetime.now(UTC) + 4000 * DAY):
        with pytest.raises(DueDateInvalid):
            await moved(pool, OTHER, F.VERIFIED, due_at=wrong)


async def test_an_agent_files_and_does_not_verify(pool: Pool) -> None:
    """It keeps the survey, and has no say in what the client is worth; others' is not there."""
    agent = await manager(pool, Role.AGENT)
    assert (await moved(pool, agent, F.FILED)).filed_by == "user:agent"
    assert (await changed(pool, agent, rivals="two lines of another operator")).rivals
    for refused in (
        moved(pool, agent, F.VERIFIED),
        changed(pool, agent, watched=True),
        changed(pool, agent, credit_code=CODE),
    ):
        with pytest.raises(RightMissing):
            await refused
    with pytest.raises(GroupClientNotFound):
        await changed(pool, agent, "power-zj", needs="x")


async def test_a_verified_file_is_due_when_its_date_has_come(
    pool: Pool, database: Database
) -> None:
    """By the jobs, once; verified anew it has a new date."""
    await verified(pool, due_at=datetime.now(UTC) + DAY)
    assert await ended(database) == 0
    let_time_pass(database)
    assert [await ended(database), await ended(database)] == [1, 0]
    async with transaction(pool, OTHER.settings()) as conn:
        due = await client_files.find(conn, OTHER, "power-js")
        [last] = (await client_files.list_moves(conn, OTHER, "power-js", limit=1)).items

    assert (due.file_state, due.file_reason) == (F.DUE, "the time of its verification is over")
    assert last.actor == "system:jobs"
    with pytest.raises(SameHand):
        await moved(pool, FILER, F.VERIFIED)
    again = await moved(pool, OTHER, F.VERIFIED)
    assert again.due_at == again.file_since + 365 * DAY


async def test_another_credit_code_is_verified_anew(pool: Pool) -> None:
    """And not by who changed it, whoever filed it before."""
    await verified(pool)
    due = await changed(pool, OTHER, credit_code=CODE)
    assert (due.file_state, due.filed_by, due.verified_by) == (F.DUE, "user:wei", None)
    with pytest.raises(SameHand):
        await moved(pool, OTHER, F.VERIFIED)
    assert (await moved(pool, FILER, F.VERIFIED)).file_state is F.VERIFIED


async def test_a_credit_code_is_one_clients(pool: Pool) -> None:
    """Whoever has it; none is everybody's."""
    assert (await changed(pool, OTHER, credit_code=CODE)).credit_code == CODE
    with pytest.raises(CreditCodeTaken):
        await changed(pool, OTHER, "power-zj", credit_code=CODE)
    assert (await changed(pool, OTHER, credit_code=None)).credit_code is None
    assert (await changed(pool, OTHER, "power-zj", credit_code=None)).credit_code is None


async def test_a_survey_is_kept_with_who_answered_it(pool: Pool) -> None:
    """What is not named stays; contacts are trimmed, few, and such as can be reached."""
    people = [Contact.of(" 王伟 ", "fleet", "+86 512 6280 0000", "wang@example.com")]
    first = await changed(
        pool, FILER, products="IoT cards", expected_terminals=500, contacts=people
    )
    graded = await changed(pool, OTHER, value_grade=ValueGrade.A, watched=True)

    assert (first.answered_by, first.version) == ("user:fei", 2)
    assert (graded.answered_by, graded.products, graded.contacts) == (
        "user:fei",
        "IoT cards",
        (Contact("王伟", "fleet", "+86 512 6280 0000", "wang@example.com"),),
    )
    assert (graded.value_grade, graded.watched, graded.version) == (ValueGrade.A, True, 3)
    with pytest.raises(ContactInvalid):
        await changed(pool, FILER, contacts=people * 11)
    for wrong in (("", None), ("x" * 101, None), ("a", "abc")):
        with pytest.raises(ContactInvalid):
            Contact.of(wrong[0], None, wrong[1], None)
    with pytest.raises(ContactInvalid):
        Contact.of("a", None, None, "nobody@nowhere")


async def test_evidence_is_added_and_stays(pool: Pool) -> None:
    """Once, by its hash, which is that of a document."""
    async with transaction(pool, FILER.settings()) as conn:
        added = await client_files.add_evidence(conn, FILER, "power-js", LICENCE)
        listed = (await client_files.list_evidence(conn, FILER, "power-js")).items
    with pytest.raises(EvidenceThere):
        async with transaction(pool, OTHER.settings()) as conn:
            await client_files.add_evidence(conn, OTHER, "power-js", LICENCE)
    with pytest.raises(EvidenceInvalid):
        Document.of("licence.pdf", "ab" * 31, None)

    assert (added.document, added.actor, list(listed)) == (LICENCE, "user:fei", [added])


async def test_growth_can_be_counted(pool: Pool) -> None:
    """A standing has its date, which may lie back but not before the last one's."""
    start = datetime.now(UTC)
    async with transaction(pool, OTHER.settings()) as conn:
        for refused in (start + DAY, start - DAY):
            with pytest.raises((MomentAhead, IntervalEmpty)):
                await client_files.set_standing(
                    conn, OTHER, "power-js", Standing.LOST, since=refused
                )
        lost = await client_files.set_standing(
            conn, OTHER, "power-js", Standing.LOST, reason="price"
        )
        with pytest.raises(TransitionRefused, match="is lost already"):
            await client_files.set_standing(conn, OTHER, "power-js", Standing.LOST)
        told = (await client_files.list_standings(conn, OTHER, "power-js")).items

    assert (lost.standing, lost.file_state) == (Standing.LOST, F.SURVEYED)
    assert [(s.from_standing, s.to_standing, s.reason, s.actor) for s in told] == [
        (Standing.CUSTOMER, Standing.LOST, "price", "user:wei"),
        (None, Standing.CUSTOMER, None, "system:test"),
    ]


async def test_a_client_does_not_read_what_is_thought_of_it(pool: Pool, database: Database) -> None:
    """Neither file nor grade nor mark, nor of them in the audit; and the policies say so too."""
    await changed(pool, OTHER, value_grade=ValueGrade.D, watched=True, rivals="a rival")
    await moved(pool, OTHER, F.CLOSED, reason="they do not pay")
    client = await manager(pool, Role.CLIENT_ADMIN)
    supervisor = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(320000, 329999))
    with pytest.raises(RightMissing):
        async with transaction(pool, client.settings()) as conn:
            await client_files.find(conn, client, "power-js")
    seen = {}
    for name, scope in (("client", client), ("supervisor", supervisor)):
        async with transaction(pool, scope.settings()) as conn:
            found = await group_clients.find(conn, scope, "power-js")
            entries = (await audit.list_page(conn, scope, action="group_client.update")).items
            rows = await (await conn.execute("select from registry.client_file_move")).fetchall()
        words = str([change for entry in entries for change in entry.changes])
        seen[name] = (found.value_grade, found.watched, "they do not pay" in words, len(rows))

    assert seen == {
        "client": (None, None, False, 0),
        "supervisor": (ValueGrade.D, True, True, 2),
    }
