"""What the database writes down of every change, whoever makes it and however."""

import re
from typing import Any

import psycopg
import pytest
from psycopg import sql

from foundation.database import Pool, transaction
from registry import api_keys, ownership, sessions, sims, terminals, users
from registry.identifiers import Iccid
from registry.model import TerminalState
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register

PASSWORD = "a long enough password"
CARD = Iccid.parse("89860012345678901234")

# Tables of the registry whose changes are told by others, and which.
TOLD_ELSEWHERE = {
    "change": "follows what is told of terminals, credentials and profiles",
    "group_client_lineage": "follows group_client",
    "refused_login": "what strangers do to a broker",
    "terminal_move": "follows terminal",
    "client_file_move": "follows group_client",
    "client_standing": "follows group_client",
    "client_terminals": "follows terminal",
    "supervision": "follows group_client",
    "parentage": "follows group_client",
    "idempotency": "keeps answers, whose changes are told",
    "sim_state_change": "follows sim",
    "audit": "is the telling",
    "audit_seal": "is the telling",
    "audit_head": "is the telling",
    "sign_on": "a sign-in that is not done; the session that comes of it is told",
    "job": "says of an import how far it is",
    "export": "asking for one, fetching and deleting it are told by name",
    "export_part": "the file itself",
    "export_stretch": "whose times stand in it",
    "import": "a file that is checked changes nothing; what it does is told as one link",
    "import_part": "the file itself",
    "import_row": "its rows, as they were checked",
    "import_finding": "what was wrong with them",
    "import_made": "which row made what; the link holds the hash over them",
    "import_secret": "who fetched the passwords is told",
    "import_link": "becomes the link",
    "import_tally": "becomes the link",
}
# Columns that are never written, only that they changed.
SECRET = {
    "credential": {"verifier"},
    "user_account": {"password_hash", "sealed_second_factor", "recovery_hashes"},
    "api_key": {"hash"},
    "user_session": {"token_hash"},
}
SOUNDING = "hash|secret|verifier|sealed|token|password|key|second_factor|salt|recovery"
# Columns that sound secret and are not.
HARMLESS = {
    ("user_account", "password_changed_at"): "a time",
    ("user_account", "must_change_password"): "yes or no",
    ("user_account", "second_factor_at"): "a time",
    (
        "user_account",
        "second_factor_step",
    ): "a number that grows with time, and of which nothing is told",
    ("user_session", "second_factor_at"): "a time",
}


def entries(database: Database, where: str = "true") -> list[dict[str, Any]]:
    """Entries as they stand, by tenant and in order."""
    with psycopg.connect(database.superuser, row_factory=psycopg.rows.dict_row) as conn:
        query = f"select * from registry.audit where {where} order by id"
        return conn.execute(query.encode()).fetchall()


def newest(database: Database) -> int:
    """The number of the last entry, after which a test's own begin."""
    with psycopg.connect(database.superuser) as conn:
        row = conn.execute("select coalesce(max(id), 0) from registry.audit").fetchone()
    assert row is not None
    return int(row[0])


def client_ids(database: Database) -> dict[str, int]:
    with psycopg.connect(database.superuser) as conn:
        return dict(conn.execute("select code, id from registry.group_client").fetchall())


def audited(database: Database) -> dict[str, set[str]]:
    """The audited tables, each with what its triggers watch."""
    with psycopg.connect(database.superuser) as conn:
        found = conn.execute(
            "select tgrelid::regclass::text, substr(tgname, 7) from pg_trigger"
            " where tgname ~ '^audit_' and tgrelid::regclass::text ~ '^registry'"
        ).fetchall()
    tables: dict[str, set[str]] = {}
    for table, happening in found:
        tables.setdefault(table.removeprefix("registry."), set()).add(happening)
    return tables


def test_every_table_of_the_registry_is_audited_or_explained(database: Database) -> None:
    """A new table must be handed to `audit_changes`, or put in the list of this file."""
    with psycopg.connect(database.superuser) as conn:
        found = conn.execute(
            "select relname from pg_class where relnamespace = 'registry'::regnamespace"
            " and relkind in ('r', 'p')"
        ).fetchall()
    watched = audited(database)

    assert {name for (name,) in found} == {*watched, *TOLD_ELSEWHERE}
    assert {
        name: kinds for name, kinds in watched.items() if kinds != {"insert", "update", "delete"}
    } == {}


def test_what_sounds_secret_is_never_written_or_explained(database: Database) -> None:
    """Of every column of an audited table that holds bytes or sounds like a secret."""
    with psycopg.connect(database.superuser) as conn:
        columns = conn.execute(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'registry' and (data_type = 'bytea' or udt_name = '_bytea'"
            f" or column_name ~ '{SOUNDING}')"
        ).fetchall()
        written: dict[str, str] = dict(
            conn.execute(
                "select tgrelid::regclass::text, string_agg(encode(tgargs, 'escape'), '')"
                " from pg_trigger where tgname ~ '^audit_(insert|delete)' group by 1"
            ).fetchall()
        )
    found = {(table, column) for table, column in columns if table in audited(database)}
    kept_back = {(table, column) for table, names in SECRET.items() for column in names}

    assert found - set(HARMLESS) == kept_back
    assert [(t, c) for t, c in kept_back if re.search(rf"\b{c}\b", written[f"registry.{t}"])] == []
    assert "created_at" in written["registry.credential"]


async def test_no_secret_is_in_any_entry(pool: Pool, database: Database) -> None:
    """Neither hashes, verifiers and what is sealed, as the tables have them, nor what they hide."""
    await register(pool, "m-1")
    async with transaction(pool, everything.settings()) as conn:
        await users.appoint(conn, everything, name="li", password=PASSWORD, role=Role.ADMIN)
        key = await api_keys.issue(conn, everything, name="k", role=Role.ADMIN)
    async with transaction(pool) as conn:
        opened = await sessions.open(conn, "li", PASSWORD)
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "update registry.user_account set sealed_second_factor = '\\xfeedc0de',"
            " second_factor_at = now(), recovery_hashes = array['\\xabadcafe'::bytea]"
        )
        conn.execute("update registry.credential set verifier = verifier || 'x'")
        conn.commit()
        kept = {
            str(value)
            for table, names in SECRET.items()
            for row in conn.execute(
                sql.SQL("select {} from registry.{}").format(
                    sql.SQL(", ").join(
                        sql.SQL("{}::text").format(sql.Identifier(n)) for n in sorted(names)
                    ),
                    sql.Identifier(table),
                )
            ).fetchall()
            for value in row
        }
        written = conn.execute("select string_agg(a::text, '') from registry.audit a").fetchone()
    assert written is not None
    kept |= {key.secret, opened.token, PASSWORD, "feedc0de", "abadcafe"}

    assert len(kept) > 8
    assert [secret for secret in kept if secret in written[0]] == []
    changed = entries(database, "action = 'user_account.update'")[-1]["changes"][0]
    assert set(changed["secret"]) == {"sealed_second_factor", "recovery_hashes"}
    assert set(changed["after"]) == {"second_factor_at"}
    [credential] = entries(database, "action = 'credential.update'")
    assert credential["changes"] == [
        {"key": "m-1", "part": None, "before": None, "after": None, "secret": ["verifier"]}
    ]


async def test_a_change_says_who_what_before_and_after(pool: Pool, database: Database) -> None:
    """New things whole, changed ones by what changed, of their owner's tenant, with who acted."""
    operator = Scope.of_role("user:wang", Role.ADMIN)
    [terminal] = await register(pool, "m-1")
    before = newest(database)
    settings = operator.settings() | {"muster.request": "r-1", "muster.source": "192.0.2.7"}

    async with transaction(pool, settings) as conn:
        await terminals.move_to(conn, operator, "m-1", TerminalState.MAINTENANCE)

    [registered] = entries(database, "action = 'terminal.insert'")
    [moved] = entries(database, f"id > {before}")
    owner = client_ids(database)["power-js"]
    assert (registered["tenant"], registered["actor"], registered["keys"]) == (
        owner,
        "system:test",
        ["m-1"],
    )
    assert registered["changes"][0]["after"]["state"] == "in_service"
    assert registered["changes"][0]["after"]["id"] == terminal.id
    assert (moved["tenant"], moved["actor"], moved["action"]) == (
        owner,
        "user:wang",
        "terminal.update",
    )
    assert (moved["request"], moved["source"], moved["scope"]) == (
        "r-1",
        "192.0.2.7",
        {"everything": True},
    )
    [change] = moved["changes"]
    assert change["before"] | {"state_since": ""} == {
        "state": "in_service",
        "version": 1,
        "state_since": "",
    }
    assert change["after"] | {"state_since": ""} == {
        "state": "maintenance",
        "version": 2,
        "state_since": "",
    }


async def test_what_changes_nothing_leaves_nothing(pool: Pool, database: Database) -> None:
    """An update to the same, and the use of keys, sessions and codes, are no news."""
    await register(pool, "m-1")
    async with transaction(pool, everything.settings()) as conn:
        await users.appoint(conn, everything, name="li", password=PASSWORD, role=Role.ADMIN)
        await api_keys.issue(conn, everything, name="k", role=Role.ADMIN)
    async with transaction(pool) as conn:
        await sessions.open(conn, "li", PASSWORD)
    before = newest(database)

    with psycopg.connect(database.superuser) as conn:
        conn.execute("update registry.terminal set name = name")
        conn.execute("update registry.terminal set name = 'x' where code = 'none'")
        conn.execute("update registry.api_key set last_used_at = now()")
        conn.execute("update registry.user_session set last_seen_at = now() + interval '1 second'")
        conn.execute("update registry.user_account set second_factor_step = 7")
        conn.commit()
        conn.execute("update registry.user_session set expires_at = now() - interval '1 day'")
        conn.commit()
        conn.execute("delete from registry.user_session")
        conn.commit()

    assert [entry["action"] for entry in entries(database, f"id > {before}")] == [
        "user_session.update"
    ]


async def test_what_changes_hands_leaves_one_chain_and_enters_another(
    pool: Pool, database: Database
) -> None:
    """The old owner reads what left, the new one what came, neither of the other; we read both."""
    await register(pool, "m-1", group_client="power-js")
    async with transaction(pool, everything.settings()) as conn:
        await sims.register(conn, everything, iccid=CARD, region=NANJING, group_client="power-js")
        await sims.install(conn, everything, CARD, "m-1")
    ids = client_ids(database)
    before = newest(database)

    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "m-1", "power-zj")

    told = entries(database, f"id > {before} and action in ('terminal.update', 'sim.update')")
    assert {(e["action"], e["tenant"]) for e in told} == {
        (action, tenant)
        for action in ("terminal.update", "sim.update")
        for tenant in (0, ids["power-js"], ids["power-zj"])
    }
    for entry in told:
        [change] = entry["changes"]
        has = (change["before"] is not None, change["after"] is not None)
        expected = {0: (True, True), ids["power-js"]: (True, False), ids["power-zj"]: (False, True)}
        assert has == expected[entry["tenant"]]
    old, new = (str(ids[c]) for c in ("power-js", "power-zj"))
    for entry in entries(database, f"id > {before}"):
        if entry["tenant"]:
            other = new if str(entry["tenant"]) == old else old
            shown = [
                c[side] for c in entry["changes"] for side in ("before", "after") if c.get(side)
            ]
            assert [s for s in shown if str(s.get("group_client_id")) == other] == []


async def test_a_bulk_change_is_one_entry_of_each_owner(pool: Pool, database: Database) -> None:
    """Three of one client and two of another: two entries, that name all."""
    await register(pool, "a-1", "a-2", "a-3")
    await register(pool, "b-1", "b-2", region=HANGZHOU, group_client="power-zj")
    before = newest(database)

    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("update registry.terminal set name = 'all'")

    found = entries(database, f"id > {before}")
    assert sorted((e["size"], sorted(e["keys"])) for e in found) == [
        (2, ["b-1", "b-2"]),
        (3, ["a-1", "a-2", "a-3"]),
    ]
    assert {e["actor"] for e in found} == {"database:postgres"}


def test_nobody_rewrites_what_was_written(database: Database) -> None:
    """Neither by grant nor as the owner: no update, no deletion, and no head that goes back."""
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute("insert into registry.industry values ('x', 'x', 'x', 'other')")
        conn.execute("set role muster_owner")
        for attempt in (
            "update registry.audit set actor = 'nobody'",
            "delete from registry.audit",
            "truncate registry.audit cascade",
            "update registry.audit_seal set n = n",
            "delete from registry.audit_seal",
            "truncate registry.audit_seal",
            "update registry.audit_head set n = n - 1",
            "update registry.audit_head set hash = ''",
            "delete from registry.audit_head",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation):
                conn.execute(attempt.encode())
    for dsn in (database.api, database.jobs, database.bridge, database.inspect):
        with psycopg.connect(dsn, autocommit=True) as conn:
            for attempt in (
                "insert into registry.audit default values",
                "update registry.audit set actor = 'nobody'",
                "delete from registry.audit",
                "insert into registry.audit_seal values (1, 0, 9, '', '')",
                "update registry.audit_head set n = n + 1",
                "truncate registry.audit",
                "alter table registry.audit disable trigger all",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(attempt.encode())


async def test_a_change_that_cannot_be_told_is_not_made(pool: Pool, database: Database) -> None:
    """Where no entry can be written there is no change; what the bridge stores goes on."""
    [terminal] = await register(pool, "m-1")
    with psycopg.connect(database.superuser, autocommit=True) as conn:
        conn.execute(
            "create function registry.full() returns trigger language plpgsql as"
            " $$ begin raise exception 'full' using errcode = 'disk_full'; end $$"
        )
        conn.execute(
            "create trigger full_now before insert on registry.audit"
            " for each row execute function registry.full()"
        )
        conn.execute("grant select on registry.terminal to muster_bridge")

    with pytest.raises(Exception, match="does not answer"):
        async with transaction(pool, everything.settings()) as conn:
            await terminals.move_to(conn, everything, "m-1", TerminalState.MAINTENANCE)
    with psycopg.connect(database.bridge, autocommit=True) as bridge:
        bridge.execute(
            "insert into telemetry.meter (time, terminal_id, delay_seconds) values (now(), %s, 0)",
            (terminal.id,),
        )

    async with transaction(pool, everything.settings()) as conn:
        assert (await terminals.find(conn, everything, "m-1")).state is TerminalState.IN_SERVICE
