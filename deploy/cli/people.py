"""`muster user` and `muster key`: who may sign in, from the machine that runs the platform."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from deploy import seed
from deploy.cli import acting
from deploy.cli.acting import HomeOption, day
from foundation import settings
from foundation.database import Connection
from registry import api_keys, passwords, sessions, users
from registry.api_keys import ApiKey
from registry.model import RegionCode
from registry.rules import Rules
from registry.scope import Role, Scope
from registry.users import User

app = typer.Typer()
user = typer.Typer(no_args_is_help=True, help="People who sign in.")
key = typer.Typer(no_args_is_help=True, help="API keys of programs.")
app.add_typer(user, name="user")
app.add_typer(key, name="key")

_PAGE_ROWS = 500

Name = Annotated[str, typer.Argument(help="Whose account: A-Z a-z 0-9 . _ @ -, at most 64.")]
Region = Annotated[
    int | None, typer.Option(help="Code of the region of an operator or supervisor.")
]
Clients = Annotated[
    list[str] | None, typer.Option("--client", help="Code of a group client; may be repeated.")
]


@user.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What they may do.")],
    region: Region = None,
    client: Clients = None,
    home: HomeOption = None,
) -> None:
    """Appoint a user and print a one-time password, to be changed at the first sign-in."""
    rules = Rules.of(settings.load())
    password = passwords.one_time(rules)

    async def appoint(conn: Connection, scope: Scope) -> User:
        return await users.appoint(
            conn,
            scope,
            name=name,
            password=password,
            role=role,
            region=None if region is None else RegionCode(region),
            group_clients=client or (),
            must_change=True,
            rules=rules,
        )

    acting.do(home, appoint)
    _tell_password(name, password)


@user.command()
def first(name: Name = seed.FIRST_ADMIN) -> None:
    """Appoint the first administrator of a new production, once, and print a one-time password.

    Connects by MUSTER_DATABASE_URL as `muster migrate` does, and loads regions and profiles, too.
    """
    chosen = settings.load()
    password = passwords.one_time(Rules.of(chosen))
    asyncio.run(seed.found(chosen.database(), password, name=name, once=True))
    _tell_password(name, password)


@user.command("list")
def list_users(home: HomeOption = None) -> None:
    """Every user: role, reach, and whether they are in force."""

    async def read(conn: Connection, scope: Scope) -> list[User]:
        found: list[User] = []
        after: str | None = None
        while True:
            page = await users.list_page(conn, scope, after=after, limit=_PAGE_ROWS)
            found += page.items
            if (after := page.next_key) is None:
                return found

    listed = acting.do(home, read)
    rows = [(one.name, one.role, _reach(one), _standing(one)) for one in listed]
    acting.table(("name", "role", "reach", "standing"), rows)


@user.command()
def role(
    name: Name,
    role: Annotated[Role, typer.Argument(help="What they may do from now on.")],
    region: Region = None,
    client: Clients = None,
    home: HomeOption = None,
) -> None:
    """Give a user another role, with the region or clients that go with it; their sessions end."""
    within = None if region is None else RegionCode(region)
    changed = acting.do(
        home,
        lambda conn, scope: users.change(
            conn, scope, name, role=role, region=within, group_clients=client or ()
        ),
    )
    print(f"{name} is {changed.role} of {_reach(changed)} now.")


@user.command()
def disable(name: Name, home: HomeOption = None) -> None:
    """Take a user out of force at once; their sessions end."""
    acting.do(home, lambda conn, scope: users.change(conn, scope, name, disabled=True))
    print(f"{name} can no longer sign in.")


@user.command()
def enable(name: Name, home: HomeOption = None) -> None:
    """Let a disabled user in again, with the password, role and reach there were."""
    acting.do(home, lambda conn, scope: users.change(conn, scope, name, disabled=False))
    print(f"{name} can sign in again.")


@user.command()
def password(name: Name, home: HomeOption = None) -> None:
    """Print a one-time password for a user who forgot theirs; their sessions end."""
    rules = Rules.of(settings.load())
    fresh = passwords.one_time(rules)
    acting.do(home, lambda conn, scope: users.set_password(conn, scope, name, fresh, rules=rules))
    _tell_password(name, fresh)


@user.command("reset-second-factor")
def reset_second_factor(name: Name, home: HomeOption = None) -> None:
    """Forget the second factor of a user who lost it; their sessions end."""
    acting.do(home, lambda conn, scope: users.reset_second_factor(conn, scope, name))
    print(f"{name} has no second factor now.")


@user.command("sign-out")
def sign_out(name: Name, home: HomeOption = None) -> None:
    """End every session of a user."""
    ended = acting.do(home, lambda conn, scope: sessions.end_of(conn, scope, name))
    print(f"Ended {ended} sessions of {name}.")


@key.command()
def issue(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    region: Region = None,
    client: Clients = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is in force.")] = 365,
    home: HomeOption = None,
) -> None:
    """Issue an API key and print its secret, which is never shown again."""
    issued = acting.do(
        home,
        lambda conn, scope: api_keys.issue(
            conn,
            scope,
            name=name,
            role=role,
            region=None if region is None else RegionCode(region),
            group_clients=client or (),
            expires_at=datetime.now(UTC) + timedelta(days=days),
        ),
    )
    print(f"The key {issued.key.prefix} is in force for {days} days. Its secret, shown once:")
    print(issued.secret)


@key.command("list")
def list_keys(
    revoked: Annotated[bool, typer.Option("--all", help="Also those revoked or expired.")] = False,
    home: HomeOption = None,
) -> None:
    """The keys in force, newest first: role, reach, when last used and until when."""

    async def read(conn: Connection, scope: Scope) -> list[ApiKey]:
        found: list[ApiKey] = []
        after: str | None = None
        while True:
            page = await api_keys.list_page(
                conn, scope, in_force=None if revoked else True, after=after, limit=_PAGE_ROWS
            )
            found += page.items
            if (after := page.next_key) is None:
                return found

    listed = acting.do(home, read)
    rows = [
        (one.prefix, one.name, one.role, _reach(one), day(one.last_used_at), _until(one))
        for one in listed
    ]
    acting.table(("prefix", "name", "role", "reach", "last used", "until"), rows)


@key.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The first characters of its secret, mk_...")],
    home: HomeOption = None,
) -> None:
    """Take an API key out of force at once, for good."""
    acting.do(home, lambda conn, scope: api_keys.revoke(conn, scope, prefix))
    print(f"The key {prefix} opens nothing any more.")


def _tell_password(name: str, password: str) -> None:
    print(f"{name} signs in with this password, once, and chooses another one then:")
    print(password)


def _reach(holder: User | ApiKey) -> str:
    if holder.region_code is not None:
        return f"region {holder.region_code}"
    if holder.group_client_codes:
        return " ".join(holder.group_client_codes)
    return "everything" if holder.role is Role.ADMIN else "nothing"


def _standing(one: User) -> str:
    if one.disabled_at is not None:
        return f"disabled {day(one.disabled_at)}"
    if one.issuer is not None:
        return f"in force, signs in at {one.issuer}"
    waits = "has to change the password" if one.must_change_password else "in force"
    return f"{waits}, second factor" if one.second_factor_at else waits


def _until(one: ApiKey) -> str:
    if one.revoked_at is not None:
        return f"revoked {day(one.revoked_at)}"
    return day(one.expires_at) if one.expires_at else "for ever"
