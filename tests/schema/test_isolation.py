"""Row-level security: no scope sees nothing, each scope sees its own, whatever SQL is run."""

from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql

from foundation.database import Connection, Pool, open_pool, transaction
from foundation.errors import NotFound, NotPermitted
from registry import (
    assignments,
    binding_requests,
    bindings,
    client_files,
    client_packages,
    collections,
    gateways,
    group_clients,
    legal_holds,
    ownership,
    packages,
    sims,
    terminal_lists,
    terminals,
    transfers,
    users,
    wire_names,
)
from registry.assignments import Order
from registry.bindings import Mode, Rule
from registry.file_model import Document
from registry.identifiers import Iccid, Imei, WireName
from registry.imports import files
from registry.model import RegionRange, SimState, TerminalState
from registry.scope import Role, Scope
from registry.transfer_model import Offer
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register

JIANGSU_RANGE = RegionRange(320000, 329999)

# Whose rows are of somebody; what is left out is the same for everybody.
SCOPED = ("group_client", "assignment", "terminal", "terminal_card", "terminal_profile",
          "terminal_gateway", "terminal_move", "collection", "collection_member", "wire_name",
          "hardware", "sim", "sim_card", "sim_state_change", "installation", "ownership", "audit",
          "supervision", "parentage", "certificate", "binding", "binding_card",
          "binding_request", "job", "import", "transfer", "transfer_step", "transfer_terminal",
          "client_file", "client_evidence", "client_file_move", "client_standing",
          "client_terminals", "client_cells", "package", "package_profile",
          "client_package", "legal_hold")  # fmt: skip
# Under the policy of their import, which `tests/registry/test_imports.py` has its say about.
OF_AN_IMPORT = ("import_row", "import_finding", "import_made")
# An export is its asker's own; `tests/telemetry/test_exports.py` has its say about them.
OWN = ("export", "export_part")
NOT_SCOPED = {
    "region": "reference data",
    "industry": "reference data",
    "tier": "global to read, the headquarters' to change",
    "network": "reference data",
    "number_range": "reference data",
    "profile": "global to read, the headquarters' to define",
    "profile_metric": "global to read, the headquarters' to define",
    "change": "ids and times only",
}
SECRET = ("credential", "user_account", "api_key", "user_session", "sign_on",
          "group_client_lineage", "refused_login",
          "broker_login", "broker_revocation", "idempotency", "audit_seal", "audit_head",
          "export_stretch", "import_part", "import_secret", "import_link", "import_tally",
          "imported_terminal", "imported_sim", "imported_binding", "imported_client",
          "imported_assignment", "imported_client_change",
          "imported_assignment_change")  # fmt: skip


async def populate(pool: Pool) -> None:
    """`js` in Jiangsu and `js-away` in Zhejiang are of a Jiangsu client, `zj` of a Zhejiang one."""
    await register(pool, "js", region=NANJING)
    await register(pool, "js-away", region=HANGZHOU)
    await register(pool, "zj", "zj-gate", region=HANGZHOU, group_client="power-zj")
    async with transaction(pool, everything.settings()) as conn:
        await gateways.put_behind(conn, everything, "zj", "zj-gate")
        await wire_names.give(conn, everything, "zj", WireName.of("meter_address", "7"))
        await wire_names.give(conn, everything, "zj-gate", WireName.of("vin", "LSVAA4182E2184841"))
        await terminals.move_to(conn, everything, "zj", TerminalState.MAINTENANCE)
        set_ = await collections.create(conn, everything, name="zj", group_client="power-zj")
        await collections.alter_members(conn, everything, set_.id, add=["zj"])
        card = Iccid.parse("89860012345678901234")
        await sims.register(conn, everything, iccid=card, region=HANGZHOU, group_client="power-zj")
        await sims.install(conn, everything, card, "zj")
        await sims.move(conn, everything, card, SimState.TRANSFERRING)
        await bindings.put(conn, everything, card, Rule(Mode.FIRST_SEEN))
        await binding_requests.ask(
            conn, everything, card, Imei.parse("490154203237518"), reason="a new modem"
        )
        await users.appoint(
            conn, everything, name="ann", password="four words are enough",
            role=Role.ACCOUNT_MANAGER,
        )  # fmt: skip
        await assignments.assign(conn, everything, "ann", Order(["power-zj"]))
        await packages.define(
            conn, everything, code="p", title_zh="p", title_en="p", tier="gold", profiles=["meter"]
        )
        await client_packages.apply(conn, everything, "power-zj", "p")
        await legal_holds.place(
            conn, everything, reason="a dispute", reference="case 7", terminal="zj"
        )
        await transfers.propose(conn, everything, Offer(codes=["zj-gate"], to_client="power-js"))
        await files.receive(conn, everything, "terminals", one_line(), name="file.csv")
        await client_files.change(conn, everything, "power-zj", needs="a quiet night")
        await client_files.add_evidence(
            conn, everything, "power-zj", Document.of("licence.pdf", "ab" * 32, None)
        )
        await conn.execute(
            "insert into registry.certificate"
            " (terminal_id, serial, fingerprint, not_before, not_after)"
            " select id, 'c0ffee', repeat('0', 64), now(), now() + interval '1 day'"
            " from registry.terminal where code = 'zj'"
        )
        await conn.execute(
            "insert into registry.hardware (terminal_id, imei, valid_from)"
            " select id, '490154203237518', now() from registry.terminal where code = 'zj'"
        )


async def one_line() -> AsyncIterator[bytes]:
    yield b"code,profile,region\n"


async def count(conn: Connection, relation: str) -> int:
    query = sql.SQL("select 1 from registry.{}").format(sql.Identifier(relation))
    return len(await (await conn.execute(query)).fetchall())


def test_every_relation_of_the_registry_is_spoken_for(database: Database) -> None:
    """A new table must be put in one of the lists of this file, and so under these tests."""
    with psycopg.connect(database.superuser) as conn:
        found = conn.execute(
            "select relname from pg_class where relnamespace = 'registry'::regnamespace"
            " and relkind in ('r', 'v', 'p', 'm')"
        ).fetchall()

    assert {name for (name,) in found} == {
        *SCOPED, *OF_AN_IMPORT, *OWN, *NOT_SCOPED, *SECRET,
    }  # fmt: skip


async def test_without_a_scope_there_are_no_rows(pool: Pool) -> None:
    """A transaction that forgot its scope sees nothing of anybody, and can change nothing."""
    await populate(pool)

    async with transaction(pool) as conn:
        seen = {relation: await count(conn, relation) for relation in SCOPED}
        changed = await conn.execute("update registry.terminal set name = 'mine'")

    assert seen == dict.fromkeys(SCOPED, 0)
    assert changed.rowcount == 0


async def test_with_everything_there_are_all(pool: Pool) -> None:
    """The same look-ups with the widest scope find rows everywhere: the zeros mean something."""
    await populate(pool)

    async with transaction(pool, everything.settings()) as conn:
        empty = [relation for relation in SCOPED if not await count(conn, relation)]

    assert empty == []


async def test_another_clients_scope_sees_nothing_of_it(pool: Pool) -> None:
    """Of all that belongs to `power-zj`, `power-js` sees not a row, in any relation."""
    await populate(pool)
    scope = await client_scope(pool, "power-js")

    async with transaction(pool, scope.settings()) as conn:
        codes = await seen_codes(conn, "terminal", "code")
        seen = {
            relation: await count(conn, relation)
            for relation in (
                "wire_name",
                "terminal_gateway",
                "hardware",
                "sim",
                "installation",
                "certificate",
                "terminal_move",
                "collection",
                "collection_member",
            )
        }

    assert codes == {"js", "js-away"}
    assert seen == dict.fromkeys(seen, 0)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (RegionRange(0, 999999), {"js", "js-away", "zj", "zj-gate"}),
        # js-away is elsewhere, but of a client that Jiangsu supervises
        (JIANGSU_RANGE, {"js", "js-away"}),
        (RegionRange(330100, 330199), {"js-away", "zj", "zj-gate"}),
        (RegionRange(110000, 119999), set()),
    ],
)
async def test_a_region_sees_its_terminals_and_its_clients(
    pool: Pool, region: RegionRange, expected: set[str]
) -> None:
    """What is installed in the subtree, and all of the clients that are supervised there."""
    await populate(pool)
    scope = Scope.of_role("user:s", Role.SUPERVISOR, region=region)

    async with transaction(pool, scope.settings()) as conn:
        assert await seen_codes(conn, "terminal", "code") == expected
        assert await seen_codes(conn, "ownership", "terminal_code") == expected


async def test_of_other_clients_a_region_sees_no_file(pool: Pool) -> None:
    """Hangzhou sees the terminals of others there without whose they are by name."""
    await populate(pool)
    scope = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(330100, 330199))

    async with transaction(pool, scope.settings()) as conn:
        clients = await seen_codes(conn, "group_client", "code")
        found = await terminals.find(conn, scope, "js-away")

    assert clients == set()
    assert found.group_client_id is not None
    assert found.group_client_code is None


async def test_the_api_can_read_no_secret(pool: Pool, database: Database) -> None:
    """Not even with the widest scope: password hashes, verifiers, key hashes, sessions, tables."""
    await populate(pool)
    attempts = [
        "select verifier from registry.credential",
        "select password_hash from registry.user_account",
        "select hash from registry.api_key",
        "select * from registry.user_session",
        "select * from registry.sign_on",
        "select * from registry.group_client_lineage",
        "select * from registry.broker_login",
        "select * from registry.refused_login",
        "select * from registry.broker_revocation",
        "select * from telemetry.meter",
        "select * from telemetry.event",
        "select * from telemetry.latest",
        "select * from telemetry.quarantine",
        "select * from telemetry.batch",
        "select * from telemetry.rollup",
        "select * from telemetry.rollup_due",
        "select * from telemetry.meter_hourly",
        "select * from telemetry.meter_daily",
        "select * from rolled.meter_hourly",
        "create table telemetry.mine ()",
        "set role muster_owner",
        "set role muster_reader",
        "alter table registry.terminal disable row level security",
    ]

    with psycopg.connect(database.api, autocommit=True) as conn:
        for name, value in everything.settings().items():
            conn.execute("select set_config(%s, %s, false)", (name, value))
        for attempt in attempts:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(attempt.encode())


def test_no_login_of_ours_may_pass_the_policies(database: Database) -> None:
    """None is a superuser, bypasses row-level security or can become who owns the tables."""
    with psycopg.connect(database.superuser) as conn:
        found = conn.execute(
            "select rolname from pg_roles where rolname like 'muster\\_%' and (rolsuper or"
            " rolbypassrls or rolcreaterole or (rolname <> 'muster_owner'"
            " and pg_has_role(rolname, 'muster_owner', 'member')))"
        ).fetchall()

    assert found == []


async def test_the_first_lock_holds_alone(pool: Pool, database: Database) -> None:
    """Where row-level security does not bind, the queries themselves keep to their scope."""
    await populate(pool)
    scope = await client_scope(pool, "power-js")
    card = Iccid.parse("89860012345678901234")

    async with await open_pool(database.owner, name="owner") as owners, transaction(owners) as conn:
        listed = await terminal_lists.list_page(conn, scope)
        clients = await group_clients.list_page(conn, scope)
        intervals = await ownership.list_intervals(conn, scope, "zj")
        for refused in (
            terminals.find(conn, scope, "zj"),
            group_clients.find(conn, scope, "power-zj"),
            sims.find(conn, scope, card),
            wire_names.find(conn, scope, WireName.of("vin", "LSVAA4182E2184841")),
        ):
            with pytest.raises(NotFound):
                await refused

    assert {terminal.code for terminal in listed.items} == {"js", "js-away"}
    assert [client.code for client in clients.items] == ["power-js"]
    assert intervals == ()


@pytest.mark.parametrize(
    "change",
    [
        # The client stays visible, so the region alone may change; both at once may not.
        "update registry.terminal set region_code = 330100, group_client_id = null where id = 1",
        "insert into registry.terminal (code, profile_id, region_code) values ('x', 1, 330100)",
        "update registry.group_client set region_code = 330000 where code = 'power-js'",
    ],
)
async def test_nobody_puts_anything_outside_the_own_scope(pool: Pool, change: str) -> None:
    """An operator of Jiangsu cannot write what it would not see afterwards."""
    [own] = await register(pool, "js", region=NANJING)
    scope = Scope.of_role("user:o", Role.OPERATOR, region=JIANGSU_RANGE)

    with pytest.raises(NotPermitted):
        async with transaction(pool, scope.settings()) as conn:
            await conn.execute(change.encode())
    assert own.id == 1


async def client_scope(pool: Pool, code: str) -> Scope:
    async with transaction(pool, everything.settings()) as conn:
        client = await group_clients.find(conn, everything, code)
    return Scope.of_role(f"user:{code}", Role.CLIENT_VIEWER, group_clients=frozenset({client.id}))


async def seen_codes(conn: Connection, relation: str, column: str) -> set[str]:
    query = sql.SQL("select {} as code from registry.{}").format(
        sql.Identifier(column), sql.Identifier(relation)
    )
    return {row["code"] async for row in await conn.execute(query)}
