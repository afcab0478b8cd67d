"""People whom an identity provider signs in: their accounts follow its groups at each sign-in.

Who they are is the provider's `subject`, never their name: an account of ours is not taken over by
somebody who is called the same. The first verbs come before a scope, as those of `sessions`.
"""

from collections.abc import Collection
from dataclasses import dataclass

from foundation import queries
from foundation.database import Connection, attempt
from foundation.errors import NotFound, NotPermitted
from registry import group_mapping, sessions, users
from registry.assignment_errors import StillServes
from registry.errors import LastAdmin, UserNameTaken
from registry.group_mapping import GroupRule, Mapping
from registry.model import RegionCode
from registry.scope import SERVING_ROLES, Right, Scope
from registry.sessions import hash_of
from registry.users import User

sql = queries.load("registry", "identity.sql")

SECONDS = 600
"""Time that a person has to sign in at the provider."""


class SignOnRefused(NotPermitted):
    """The identity provider knows you, and Muster does not let you in."""

    code = "sign_on_refused"
    remedy = "Ask an administrator of Muster."


class NoGroupFits(SignOnRefused):
    """None of your groups at the identity provider has a part in Muster."""

    code = "no_group_fits"
    remedy = "Ask an administrator of Muster which group you need, and have yourself put into it."


class NameTakenHere(SignOnRefused):
    """Another account of Muster has your name."""

    code = "name_taken_here"
    remedy = "Ask an administrator of Muster: one of the two has to be called something else."


class NameUnusable(SignOnRefused):
    """The name that the identity provider gives you cannot name an account."""

    code = "name_unusable"
    remedy = "Have MUSTER_OIDC_NAME_CLAIM name a claim of 1 to 64 letters, digits and . _ @ -"


class AccountDisabled(SignOnRefused):
    """Your account is out of force."""

    code = "account_disabled"


class RuleUnusable(SignOnRefused):
    """The rule for your group cannot be applied."""

    code = "group_rule_unusable"
    remedy = "Ask an administrator of Muster to mend the file of MUSTER_OIDC_MAPPING."


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who somebody is at the identity provider `issuer`, by its word."""

    issuer: str
    subject: str
    name: str
    groups: Collection[str]


async def begin(conn: Connection, secret: str, return_to: str) -> None:
    """Keep a sign-in that leaves for the provider; `secret` is the browser's alone."""
    kept = {"token_hash": hash_of(secret), "return_to": return_to, "seconds": SECONDS}
    await conn.execute(sql.begin_sign_on, kept)


async def take(conn: Connection, secret: str) -> str | None:
    """Where somebody who comes back wanted to go, once; None when it is over or was never begun."""
    cursor = await conn.execute(sql.take_sign_on, {"token_hash": hash_of(secret)})
    row = await cursor.fetchone()
    return row["return_to"] if row else None


async def admit(conn: Connection, scope: Scope, person: Person, rules: Mapping) -> User:
    """The person's account, as their groups have it from now on; made at the first sign-in.

    A SignOnRefused says why not. Another role or reach ends their other sessions.
    """
    scope.require(Right.USERS_APPOINT)
    rule = group_mapping.choose(rules, person.groups)
    if rule is None:
        raise NoGroupFits
    try:
        name = await _name_of(conn, person)
        if name is None:
            name = await _make(conn, scope, person, rule)
        user = await users.find(conn, scope, name)
        return await _keep_in_step(conn, scope, user, rule)
    except NotFound as error:
        raise RuleUnusable(f"The rule for your group cannot be applied: {error}") from error


async def turn_away(conn: Connection, scope: Scope, person: Person) -> None:
    """End the sessions of somebody who is in no group any more that has a part in Muster."""
    scope.require(Right.USERS_APPOINT)
    name = await _name_of(conn, person)
    if name is not None:
        await sessions.end_of(conn, scope, name)


async def _name_of(conn: Connection, person: Person) -> str | None:
    known = {"issuer": person.issuer, "subject": person.subject}
    row = await (await conn.execute(sql.find_signed_on, known)).fetchone()
    return row["name"] if row else None


async def _make(conn: Connection, scope: Scope, person: Person, rule: GroupRule) -> str:
    """The name of a new account, or of the one that another request made at the same time."""
    if not users.is_name(person.name):
        raise NameUnusable
    region = None if rule.region is None else RegionCode(rule.region)
    actor = f"user:{person.name}"
    clients = await users.reach_of(conn, scope, actor, rule.role, region, rule.group_clients)
    made = {
        "name": person.name,
        "issuer": person.issuer,
        "subject": person.subject,
        "role": rule.role,
        "region": region,
        "group_client_ids": clients,
        "actor": scope.actor,
    }
    taken: UserNameTaken | None = None
    try:
        async with attempt(conn):
            await conn.execute(sql.insert_signed_on, made)
    except UserNameTaken as error:
        taken = error
    name = await _name_of(conn, person)
    if name is None:
        raise NameTakenHere from taken
    return name


async def _keep_in_step(conn: Connection, scope: Scope, user: User, rule: GroupRule) -> User:
    if user.disabled_at is not None:
        raise AccountDisabled
    is_same = user.role is rule.role and (
        user.role in SERVING_ROLES
        or (user.region_code, user.group_client_codes) == (rule.region, rule.group_clients)
    )
    if is_same:
        return user
    try:
        return await users.change(
            conn,
            scope,
            user.name,
            role=rule.role,
            region=None if rule.region is None else RegionCode(rule.region),
            group_clients=rule.group_clients,
            by_provider=True,
        )
    except (LastAdmin, StillServes) as error:
        raise SignOnRefused(f"Your role cannot change now: {error}", remedy=error.hint) from error
