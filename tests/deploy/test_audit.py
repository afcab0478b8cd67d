"""`muster audit` on a database: what it prints of whole chains and of broken ones."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from deploy.cli.audit import ChainBroken, HeadsUnreadable, app
from foundation.errors import NotPermitted
from tests.conftest import Database
from tests.country import register, settled


@pytest.fixture
def country(database: Database) -> Database:
    """The database of a small country with a terminal in it."""

    async def settle() -> None:
        async with settled(database) as pool:
            await register(pool, "m-1")

    asyncio.run(settle())
    return database


def run(dsn: str, *arguments: str) -> tuple[str, BaseException | None]:
    """What a command prints, and what it ends with."""
    done = CliRunner().invoke(app, ["audit", *arguments], env={"MUSTER_DATABASE_URL": dsn})
    return done.stdout, done.exception


def test_whole_chains_are_counted(country: Database, tmp_path: Path) -> None:
    """With and without the heads of before; more may have come since."""
    heads, _ = run(country.inspect, "heads")
    kept = tmp_path / "heads"
    kept.write_text(heads, "utf-8")
    with psycopg.connect(country.superuser) as conn:
        conn.execute("update registry.terminal set name = 'x'")

    told, refused = run(country.inspect, "verify", "--heads", str(kept))

    assert refused is None
    total = sum(int(line.split()[1]) for line in heads.splitlines()) + 1
    assert told == f"{total} entries in 3 chains are as they were written.\n"


def test_a_broken_chain_is_named_and_fails(country: Database, tmp_path: Path) -> None:
    """The tenant, the place and the entry; a cut that took the head along, by the one kept."""
    heads, _ = run(country.inspect, "heads")
    kept = tmp_path / "heads"
    kept.write_text(heads, "utf-8")
    with psycopg.connect(country.superuser) as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute("update registry.audit set actor = 'x' where action = 'terminal.insert'")
        row = conn.execute(
            "select tenant, n, entry_id from registry.audit_seal where entry_id ="
            " (select id from registry.audit where action = 'terminal.insert')"
        ).fetchone()
        conn.execute("delete from registry.audit_seal where tenant = 0 and n > 1")
        conn.execute("delete from registry.audit where tenant = 0 and id > 1")
        conn.execute(
            "update registry.audit_head h set n = s.n, hash = s.hash from registry.audit_seal s"
            " where h.tenant = 0 and s.tenant = 0"
        )
    assert row is not None

    told, refused = run(country.inspect, "verify", "--heads", str(kept))

    assert isinstance(refused, ChainBroken)
    assert f"tenant {row[0]}: place {row[1]} (entry {row[2]}) was altered\n" in told
    assert "tenant 0: place 2 is missing, and so is what came after it\n" in told


def test_what_are_no_heads_is_said(country: Database, tmp_path: Path) -> None:
    """A file of something else, and no file; and a role that may not read the chains."""
    other = tmp_path / "other"
    other.write_text("0 many abc", "utf-8")

    for file in (other, tmp_path / "none"):
        _, refused = run(country.inspect, "verify", "--heads", str(file))
        assert isinstance(refused, HeadsUnreadable)
    _, refused = run(country.api, "heads")
    assert isinstance(refused, NotPermitted)
