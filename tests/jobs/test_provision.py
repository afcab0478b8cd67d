"""`muster provision` on a running API and jobs process: from a file to the roll, and back."""

import asyncio
import urllib.request
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from deploy.cli.provision import RowsStay, app
from foundation.database import transaction
from foundation.errors import Invalid
from registry import api_keys
from registry.scope import Role
from tests.conftest import Database
from tests.country import everything, settled
from tests.jobs.test_jobs import running
from tests.processes import serving
from tests.registry.imports_ground import counted, terminals_file


@pytest.fixture
def key_file(database: Database, tmp_path: Path) -> Path:
    """The key of an administrator, in a small country."""

    async def issue() -> str:
        async with settled(database) as pool, transaction(pool, everything.settings()) as conn:
            return (await api_keys.issue(conn, everything, name="cli", role=Role.ADMIN)).secret

    path = tmp_path / "key"
    path.write_text(asyncio.run(issue()), "utf-8")
    return path


def test_a_file_is_applied_and_taken_back(
    database: Database, key_file: Path, tmp_path: Path
) -> None:
    """Undone, what nothing happened to is gone; what was changed stays and is named."""
    fleet = tmp_path / "fleet.csv"
    fleet.write_bytes(terminals_file(1, 2, 3))

    with serving(DATABASE_URL=database.api) as base, running(database):

        def provision(*arguments: str) -> str:
            entrance = ("--api", base, "--key-file", str(key_file))
            done = CliRunner().invoke(app, [*arguments, *entrance])
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
            return done.output

        applied = provision(str(fleet), "--apply", "--default", "credential:none")
        there = counted(database, "terminal")
        with psycopg.connect(database.superuser) as conn:
            conn.execute("update registry.terminal set version = 2 where code = 'm-000002'")
        with pytest.raises(RowsStay):
            provision("--undo", "1")
        left = counted(database, "terminal")
        with psycopg.connect(database.superuser) as conn:
            conn.execute("update registry.terminal set version = 1 where code = 'm-000002'")
        back = provision("--undo", "1")

    assert "3 rows applied" in applied
    assert (there, left, counted(database, "terminal")) == (3, 1, 0)
    assert "1 rows taken back, 0 stay" in back


def test_clients_and_who_serves_them_go_out_and_come_in_as_workbooks(
    database: Database, key_file: Path, tmp_path: Path
) -> None:
    """What is exported as XLSX is on the roll already, whatever a cell begins with."""
    given = {
        "clients": "编码,名称,上级客户,地区,行业,服务等级,联系人\n"
        "nj-1,=1+1,nj-2,320100,power,gold,王芳||13800001111；李雷\n"
        "nj-2,二号,,320100,power,gold,\n",
        "assignments": "客户,角色,人员,生效时间\n"
        "nj-1,客户经理,ann,2026-01-01\nnj-2,客户经理,ann,\n",
    }
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "insert into registry.user_account (name, password_hash, role)"
            " values ('ann', 'none', 'account_manager')"
        )

    with serving(DATABASE_URL=database.api) as base, running(database):
        key = key_file.read_text("utf-8")
        said = {}
        for kind, text in given.items():
            file = tmp_path / f"{kind}.csv"
            file.write_bytes(text.encode("gb18030"))
            entrance = ("--kind", kind, "--api", base, "--key-file", str(key_file))
            first = CliRunner().invoke(app, [str(file), "--apply", *entrance])
            asked = urllib.request.Request(
                f"{base}/api/v1/exports/{kind}?format=xlsx",
                headers={"Authorization": f"Bearer {key}"},
            )
            book = tmp_path / f"{kind}.xlsx"
            with urllib.request.urlopen(asked) as answer:
                book.write_bytes(answer.read())
            again = CliRunner().invoke(app, [str(book), *entrance])
            said[kind] = (first.output, again.output)

    assert "2 rows applied, 0 unchanged, 0 left out." in said["clients"][0]
    assert "0 new, 4 on the roll already, 0 with a warning" in said["clients"][1]
    assert "2 rows applied, 0 unchanged, 0 left out." in said["assignments"][0]
    assert "0 new, 2 on the roll already, 0 with a warning" in said["assignments"][1]


def test_a_file_and_an_undo_are_not_asked_at_once(tmp_path: Path) -> None:
    """One or the other: nothing is asked of anybody before that is clear."""
    fleet = tmp_path / "fleet.csv"
    fleet.write_bytes(terminals_file(1))

    for arguments in ([], [str(fleet), "--undo", "1"]):
        done = CliRunner().invoke(app, arguments)
        assert isinstance(done.exception, Invalid)
