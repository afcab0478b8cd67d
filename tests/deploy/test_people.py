"""`muster user` and `muster key` on a database: what they do, print and refuse."""

import asyncio
import os
import subprocess
import sys

import psycopg
import pytest
from typer.testing import CliRunner

from deploy.cli.people import app
from foundation.database import open_pool, transaction
from foundation.errors import MusterError
from registry import api_keys, sessions
from registry.errors import (
    ApiKeyNotFound,
    GroupClientNotFound,
    LastAdmin,
    NotSignedIn,
    UserNameTaken,
)
from registry.scope import Awaits, Role, Scope, ScopeInvalid
from tests.conftest import Database
from tests.country import settled


@pytest.fixture
def country(database: Database) -> Database:
    """The database of a small country."""

    async def settle() -> None:
        async with settled(database):
            pass

    asyncio.run(settle())
    return database


def run(database: Database, *arguments: str) -> str:
    """What a command prints, as the API's role; raises what it refuses with."""
    done = CliRunner().invoke(app, arguments, env={"MUSTER_DATABASE_URL": database.api})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def sign_in(database: Database, name: str, password: str) -> Scope:
    """The scope of a new session."""

    async def opened() -> Scope:
        async with await open_pool(database.api, name="t") as pool, transaction(pool) as conn:
            return (await sessions.open(conn, name, password)).scope

    return asyncio.run(opened())


def use(database: Database, secret: str) -> Scope:
    """The scope of a key."""

    async def found() -> Scope:
        async with await open_pool(database.api, name="t") as pool, transaction(pool) as conn:
            return await api_keys.authenticate(conn, secret)

    return asyncio.run(found())


def test_a_user_is_appointed_changed_and_let_go(country: Database) -> None:
    """With a one-time password each time; what the list says, and what each step ends."""
    first = run(country, "user", "add", "li", "--role", "supervisor", "--region", "320000")
    password = first.splitlines()[-1]
    awaits = sign_in(country, "li", password).awaits
    changed = run(country, "user", "role", "li", "client_viewer", "--client", "power-js")
    again = run(country, "user", "password", "li").splitlines()[-1]
    run(country, "user", "disable", "li")
    listed = run(country, "user", "list")
    with pytest.raises(NotSignedIn):
        sign_in(country, "li", again)
    run(country, "user", "enable", "li")
    sign_in(country, "li", again)
    ended = run(country, "user", "sign-out", "li")
    reset = run(country, "user", "reset-second-factor", "li")

    assert awaits is Awaits.PASSWORD
    assert changed == "li is client_viewer of power-js now.\n"
    assert again != password
    assert listed.splitlines()[1].split()[:4] == ["li", "client_viewer", "power-js", "disabled"]
    assert ended == "Ended 1 sessions of li.\n"
    assert reset == "li has no second factor now.\n"


def test_a_key_is_issued_listed_and_revoked(country: Database) -> None:
    """Its secret is printed once and opens the API until it is revoked."""
    issued = run(country, "key", "issue", "grafana", "--role", "client_viewer",
                 "--client", "power-js", "--days", "30")  # fmt: skip
    secret = issued.splitlines()[-1]
    scope = use(country, secret)
    listed = run(country, "key", "list")
    run(country, "key", "revoke", secret[:11])
    with pytest.raises(NotSignedIn):
        use(country, secret)

    assert scope.actor == f"key:{secret[:11]}"
    assert len(scope.group_clients) == 1
    assert listed.splitlines()[1].split()[:4] == [
        secret[:11],
        "grafana",
        "client_viewer",
        "power-js",
    ]
    assert secret not in listed
    assert len(run(country, "key", "list").splitlines()) == 1
    assert "revoked" in run(country, "key", "list", "--all").splitlines()[1]


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ("user add adm --role supervisor --region 320000", UserNameTaken),
        ("user add b --role operator", ScopeInvalid),
        ("user add b --role client_viewer --client nobody", GroupClientNotFound),
        ("user disable adm", LastAdmin),
        ("user role adm supervisor --region 320000", LastAdmin),
        ("key revoke mk_nothing", ApiKeyNotFound),
    ],
)
def test_what_cannot_be_is_refused(
    country: Database, command: str, refusal: type[MusterError]
) -> None:
    """By the same rules as at the API: the shell is no way around them."""
    run(country, "user", "add", "adm", "--role", Role.ADMIN)
    with pytest.raises(refusal):
        run(country, *command.split())


def test_the_first_administrator_is_made_once(database: Database) -> None:
    """A random one-time password, printed once; refused with exit code 3 as soon as anybody is."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
    command = [sys.executable, "-m", "deploy.cli", "user", "first", "root"]
    runs = [
        subprocess.run(
            command,
            env=environment | {"MUSTER_DATABASE_URL": database.superuser},
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    ]
    password = runs[0].stdout.splitlines()[-1]
    with psycopg.connect(database.superuser) as conn:
        users = conn.execute("select name, role from registry.user_account").fetchall()

    assert [done.returncode for done in runs] == [0, 3], runs[0].stderr
    assert "There are users already" in runs[1].stderr
    assert users == [("root", "admin")]
    assert sign_in(database, "root", password).awaits is Awaits.PASSWORD
