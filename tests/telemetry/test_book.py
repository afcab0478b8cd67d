"""The book: lists of the own clients, each walked page by page, out of sums, not of the fleet."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
import pytest

from foundation.database import Connection, Pool, transaction
from registry import assignments, group_clients, users
from registry.assignments import Order
from registry.keyset import CursorInvalid
from registry.model import FileState, GroupClientId, Page, RegionRange, Standing, TerminalState
from registry.scope import RightMissing, Role, Scope
from telemetry import book
from telemetry.book import FileWork
from tests.conftest import Database
from tests.country import HANGZHOU, JIANGSU, everything, register, settled
from tests.schema.explaining import Explaining

NOW = datetime.now(UTC)


@pytest.fixture
async def pool(database: Database) -> Any:
    """Connections as the API makes them, to a database with the small country in it."""
    async with settled(database) as opened:
        yield opened


async def add(
    pool: Pool, code: str, state: FileState, standing: Standing = Standing.CUSTOMER
) -> GroupClientId:
    async with transaction(pool, everything.settings()) as conn:
        client = await group_clients.register(
            conn, everything, code=code, name=f"name of {code}", region=JIANGSU, industry="power",
            tier="gold", file_state=state, standing=standing,
        )  # fmt: skip
    return client.id


async def walked(
    pool: Pool,
    scope: Scope,
    list_page: Callable[..., Awaitable[Page[Any]]],
    clients: book.Clients = None,
) -> list[Any]:
    """A list, two at a time; no page is longer, and nothing comes twice."""
    found: list[Any] = []
    after: str | None = None
    while True:
        async with transaction(pool, scope.settings()) as conn:
            page = await list_page(conn, scope, clients, after=after, limit=2)
        assert len(page.items) <= 2
        found += page.items
        if (after := page.next_key) is None:
            return found


def of_client(*ids: int) -> Scope:
    return Scope.of_role("user:ann", Role.ACCOUNT_MANAGER, group_clients=frozenset(ids))


def tally(database: Database, *rows: tuple[int, str, str, int]) -> None:
    """Sums as the roll call keeps them: of a client, a state, what is known of data, how many."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        for client, state, data, number in rows:
            conn.execute(
                "insert into telemetry.tally select %s, 320000, id, %s, %s, %s"
                " from registry.profile",
                (client, state, data, number),
            )
        conn.execute("update telemetry.roll_call_clock set complete = true, as_of = now()")


async def test_the_files_to_keep_say_what_is_next(pool: Pool, database: Database) -> None:
    """Those that wait for somebody, the longest first; not the verified, closed or lost ones."""
    wanted = {
        "c-survey": (FileState.SURVEYED, Standing.PROSPECT),
        "c-file": (FileState.SURVEYED, Standing.CUSTOMER),
        "c-verify": (FileState.FILED, Standing.CUSTOMER),
        "c-again": (FileState.DUE, Standing.CUSTOMER),
        "c-done": (FileState.VERIFIED, Standing.CUSTOMER),
        "c-closed": (FileState.CLOSED, Standing.CUSTOMER),
        "c-lost": (FileState.FILED, Standing.LOST),
    }
    ids = [await add(pool, code, *how) for code, how in wanted.items()]
    foreign = await add(pool, "c-foreign", FileState.DUE)
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("update registry.group_client set file_since = now() - id * interval '1 day'")

    found = await walked(pool, of_client(*ids), book.list_files)

    assert [(f.code, f.work) for f in found] == [
        ("c-again", FileWork.REVERIFY),
        ("c-verify", FileWork.VERIFY),
        ("c-file", FileWork.FILE),
        ("c-survey", FileWork.SURVEY),
    ]
    both = await walked(pool, everything, book.list_files, (ids[0], foreign))
    assert [f.code for f in both] == ["c-foreign", "c-survey"]


async def test_silent_fleets_and_usage_come_from_sums(pool: Pool, database: Database) -> None:
    """Not a terminal is on the roll: what is told is what the roll call and the days say."""
    first, second, third = [await add(pool, f"c-{n}", FileState.VERIFIED) for n in (1, 2, 3)]
    tally(
        database,
        (first, "in_service", "silent", 3), (first, "in_service", "online", 7),
        (first, "testing", "silent", 50), (first, "retired", "never", 5),
        (second, "in_service", "silent", 40),
        (third, "in_service", "online", 9),
    )  # fmt: skip
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        for days, received in ((0, 5), (6, 6), (7, 100), (13, 10), (14, 1000)):
            conn.execute(
                "insert into telemetry.completeness_daily values"
                " (%s, %s, 320000, %s, 0, 0, 0, 0, 0)",
                (NOW.date() - timedelta(days=days), first, received),
            )
    scope = of_client(first, second, third)

    silent = await walked(pool, scope, book.list_silent)
    usage = await walked(pool, scope, book.list_usage)

    assert [(s.code, s.silent, s.in_service) for s in silent] == [("c-2", 40, 40), ("c-1", 3, 10)]
    assert [(u.code, u.terminals, u.messages, u.messages_before) for u in usage] == [
        ("c-1", 60, 11, 110), ("c-2", 40, 0, 0), ("c-3", 9, 0, 0),
    ]  # fmt: skip
    assert usage[0].states[TerminalState.RETIRED] == 5
    [alone] = await walked(pool, of_client(second), book.list_silent)
    assert alone.code == "c-2"


async def test_a_rival_sim_is_in_the_book_of_its_moment(pool: Pool, database: Database) -> None:
    """Of whom owned the terminal then, newest first, of the last 31 days."""
    [terminal] = await register(pool, "m-1")
    async with transaction(pool, everything.settings()) as conn:
        js = (await group_clients.find(conn, everything, "power-js")).id
        zj = (await group_clients.find(conn, everything, "power-zj")).id
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        for days, code in ((1, "rival_sim"), (2, "rival_sim"), (2, "separation"), (3, "rival_sim"),
                           (40, "rival_sim")):  # fmt: skip
            conn.execute(
                "insert into telemetry.event (time, terminal_id, delay_seconds, code, digest)"
                " values (%s, %s, 1, %s, -9223372036854775807 + %s)",
                (NOW - timedelta(days=days), terminal.id, f"identity.{code}", days),
            )

    mine = await walked(pool, of_client(js), book.list_rivals)
    theirs = await walked(pool, of_client(zj), book.list_rivals)

    assert [(r.time, r.terminal, r.code) for r in mine] == [
        (NOW - timedelta(days=days), "m-1", "power-js") for days in (1, 2, 3)
    ]
    assert theirs == []


async def test_the_book_of_a_person_keeps_to_both_scopes(pool: Pool) -> None:
    """A supervisor opens somebody's book: of it, what is supervised there, and no more."""
    async with transaction(pool, everything.settings()) as conn:
        await users.appoint(
            conn, everything, name="ann", password="four words are enough",
            role=Role.ACCOUNT_MANAGER,
        )  # fmt: skip
        await group_clients.register(
            conn, everything, code="branch", name="branch", region=HANGZHOU, industry="power",
            tier="gold", parent="power-js",
        )  # fmt: skip
        await assignments.assign(conn, everything, "ann", Order(["power-js"]))
    jiangsu = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(320000, 329999))

    async def codes(scope: Scope, person: str) -> set[str]:
        async with transaction(pool, scope.settings()) as conn:
            clients = await book.clients_of(conn, scope, person)
            page = await book.list_usage(conn, scope, clients)
        return {usage.code for usage in page.items}

    assert await codes(everything, "ann") == {"power-js", "branch"}
    assert await codes(jiangsu, "ann") == {"power-js"}
    assert await codes(everything, "nobody") == set()


async def test_a_book_is_not_for_clients_and_its_cursors_are_its_own(pool: Pool) -> None:
    """What is no cursor of the list is refused, whatever it is."""
    client = Scope.of_role("user:c", Role.CLIENT_ADMIN, group_clients=frozenset({1}))
    async with transaction(pool, client.settings()) as conn:
        with pytest.raises(RightMissing):
            await book.list_files(conn, client)
    async with transaction(pool, everything.settings()) as conn:
        for list_page in (book.list_files, book.list_rivals, book.list_silent):
            for cursor in ("x", "1", "1.", ".1", "1.x", "1.99999999999999999999", "９.9"):
                with pytest.raises(CursorInvalid):
                    await list_page(conn, everything, after=cursor)


def relations(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan reads, in whatever way."""
    own = {plan["Relation Name"]} if "Relation Name" in plan else set()
    return own.union(*(relations(part) for part in plan.get("Plans", ())))


async def test_no_list_reads_the_fleet(pool: Pool) -> None:
    """Neither terminals nor their presence are read for any list, whoever's it is."""
    client = await add(pool, "c-1", FileState.DUE)
    for scope in (everything, of_client(client)):
        async with transaction(pool, scope.settings()) as conn:
            explaining = Explaining(conn)
            for list_page in (book.list_files, book.list_rivals, book.list_silent, book.list_usage):
                await list_page(cast("Connection", explaining), scope)
        read = set().union(*map(relations, explaining.plans))
        assert "tally" in read
        assert not read & {"terminal", "presence", "roll_call"}
