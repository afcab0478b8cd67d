"""Who manages whom: two locks around a client's own people, and an administrator who remains."""

import asyncio

import pytest

from foundation.database import Connection, Pool, open_pool, transaction
from foundation.errors import MusterError, NotFound, NotPermitted
from registry import api_keys, group_clients, sessions, users
from registry.errors import LastAdmin, NotAPerson
from registry.model import RegionCode
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import JIANGSU, everything

PASSWORD = "four words are enough"
PARENT, CHILD, OTHER = "power-js", "power-js-south", "power-zj"


async def populate(pool: Pool) -> None:
    """A parent client, a child of it and another one, each with an administrator and a key.

    And people of the operator who serve the parent: an agent, an account manager.
    """
    async with transaction(pool, everything.settings()) as conn:
        await group_clients.register(
            conn, everything, code=CHILD, name=CHILD, region=JIANGSU, industry="power",
            tier="gold", parent=PARENT,
        )  # fmt: skip
        for client in (PARENT, CHILD, OTHER):
            await appoint(conn, f"admin.{client}", Role.CLIENT_ADMIN, client)
            await api_keys.issue(
                conn, everything, name=client, role=Role.CLIENT_VIEWER, group_clients=[client]
            )
        await appoint(conn, "agent", Role.AGENT, PARENT)
        await appoint(conn, "manager", Role.ACCOUNT_MANAGER, PARENT)
        await api_keys.issue(
            conn, everything, name="agent", role=Role.AGENT, group_clients=[PARENT]
        )
        await appoint(conn, "root", Role.ADMIN)
        await appoint(conn, "super", Role.SUPERVISOR, region=JIANGSU)


async def appoint(
    conn: Connection, name: str, role: Role, *clients: str, region: RegionCode | None = None
) -> None:
    await users.appoint(
        conn, everything, name=name, password=PASSWORD, role=role, region=region,
        group_clients=clients,
    )  # fmt: skip


async def scope_of(pool: Pool, client: str) -> Scope:
    """The scope of a client's administrator."""
    async with transaction(pool, everything.settings()) as conn:
        found = await group_clients.find(conn, everything, client)
    return Scope.of_role(
        f"user:admin.{client}", Role.CLIENT_ADMIN, group_clients=frozenset({found.id})
    )


@pytest.mark.parametrize(
    ("client", "expected"), [(PARENT, [PARENT, CHILD]), (CHILD, [CHILD]), (OTHER, [OTHER])]
)
async def test_a_client_sees_the_people_and_keys_of_its_subtree(
    pool: Pool, client: str, expected: list[str]
) -> None:
    """Those of clients below it, too; never those above, beside it, or of the operator."""
    await populate(pool)
    scope = await scope_of(pool, client)

    async with transaction(pool, scope.settings()) as conn:
        people = await users.list_page(conn, scope)
        keys = await api_keys.list_page(conn, scope)

    assert [user.name for user in people.items] == sorted(f"admin.{code}" for code in expected)
    assert sorted(key.name for key in keys.items) == sorted(expected)


async def test_the_first_lock_holds_alone(pool: Pool, database: Database) -> None:
    """Where row-level security does not bind, the queries themselves keep to their scope."""
    await populate(pool)
    scope = await scope_of(pool, CHILD)

    async with await open_pool(database.owner, name="owner") as owners, transaction(owners) as conn:
        people = await users.list_page(conn, scope)
        keys = await api_keys.list_page(conn, scope)
        everybody = await api_keys.list_page(conn, everything)
        for refused in (
            users.find(conn, scope, "root"),
            users.change(conn, scope, f"admin.{PARENT}", disabled=True),
            users.set_password(conn, scope, "agent", PASSWORD),
            users.reset_second_factor(conn, scope, f"admin.{OTHER}"),
            sessions.list_of(conn, scope, "root"),
            sessions.end_of(conn, scope, "root"),
            *(
                act(conn, scope, key.prefix)
                for key in everybody.items
                if key.name != CHILD
                for act in (api_keys.find, api_keys.revoke)
            ),
        ):
            with pytest.raises(NotFound):
                await refused

    assert [user.name for user in people.items] == [f"admin.{CHILD}"]
    assert [key.name for key in keys.items] == [CHILD]


async def test_the_second_lock_holds_alone(pool: Pool) -> None:
    """Whatever SQL is run under a client's scope: others' accounts are neither seen nor changed."""
    await populate(pool)
    scope = await scope_of(pool, CHILD)

    async with transaction(pool, scope.settings()) as conn:
        seen = await conn.execute("select name from registry.user_account")
        names = {row["name"] async for row in seen}
        await conn.execute("update registry.user_account set disabled_at = now()")
        await conn.execute("update registry.api_key set revoked_at = now()")
    async with transaction(pool, everything.settings()) as conn:
        out = await users.list_page(conn, everything, disabled=True)
        revoked = await api_keys.list_page(conn, everything, in_force=False)

    assert names == {f"admin.{CHILD}"}
    assert [user.name for user in out.items] == [f"admin.{CHILD}"]
    assert [key.name for key in revoked.items] == [CHILD]


@pytest.mark.parametrize(
    "change",
    [
        "update registry.user_account set role = 'admin', group_client_ids = '{}'",
        "update registry.user_account set role = 'agent'",
        "update registry.user_account set group_client_ids = group_client_ids || 1",
        "update registry.api_key set role = 'admin', group_client_ids = '{}'",
        "insert into registry.user_account (name, password_hash, role) values ('x', 'x', 'admin')",
    ],
)
async def test_nobody_is_raised_above_the_client(pool: Pool, change: str) -> None:
    """The database itself refuses a wider role or reach than the own subtree."""
    await populate(pool)
    scope = await scope_of(pool, CHILD)

    with pytest.raises(NotPermitted):
        async with transaction(pool, scope.settings()) as conn:
            await conn.execute(change.encode())


async def test_without_a_scope_nobody_is_there(pool: Pool) -> None:
    """No setting, no rows; what works on the own account finds none."""
    await populate(pool)

    async with transaction(pool) as conn:
        people = await (await conn.execute("select id from registry.user_account")).fetchall()
        keys = await (await conn.execute("select id from registry.api_key")).fetchall()
        own = await (await conn.execute("select * from registry.own_account()")).fetchall()
        every = await (await conn.execute("select * from registry.sessions_of(1, null)")).fetchall()
        with pytest.raises(NotAPerson):
            await users.find_own(conn, everything)

    assert people == keys == own == every == []


async def test_of_two_administrators_one_remains(pool: Pool) -> None:
    """Each puts the other out at the same moment: one of them is too late."""
    async with transaction(pool, everything.settings()) as conn:
        await appoint(conn, "ann", Role.ADMIN)
        await appoint(conn, "bob", Role.ADMIN)

    async def put_out(name: str, by: str) -> MusterError | None:
        scope = Scope.of_role(f"user:{by}", Role.ADMIN)
        try:
            async with transaction(pool, scope.settings()) as conn:
                await users.change(conn, scope, name, disabled=True)
        except LastAdmin as error:
            return error
        return None

    for _ in range(10):
        told = await asyncio.gather(put_out("ann", "bob"), put_out("bob", "ann"))
        async with transaction(pool, everything.settings()) as conn:
            left = await users.list_page(conn, everything, role=Role.ADMIN, disabled=False)
            assert [type(each) for each in told if each] == [LastAdmin]
            assert len(left.items) == 1
            for name in ("ann", "bob"):
                await users.change(conn, everything, name, disabled=False)
