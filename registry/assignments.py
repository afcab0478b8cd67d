"""Who serves a group client, from when to when: its account manager, and at most one agent.

An account manager or agent sees the clients that are assigned to them, while they are: a hand-over
that lies ahead is carried out by time alone. A client that has an account manager has one at each
moment from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from foundation import queries
from foundation.database import Connection
from foundation.errors import Invalid
from registry import group_clients, keyset
from registry.assignment_errors import (
    AssignmentBegun,
    AssignmentNotFound,
    HandOverPlanned,
    HandOverTooEarly,
    NotServed,
    PersonCannotServe,
    ServedAlready,
    StillServes,
)
from registry.errors import GroupClientNotFound
from registry.model import GroupClientId, Page
from registry.scope import Right, Role, Scope

sql = queries.load("registry", "assignments.sql")

MOST_CLIENTS = 1000
MOST_AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """From when to when a `person` (a user's name) served a client; `valid_to` None is still.

    `assigned_at` is when it was put on record, `note` what was said then; `assigned_by` and
    `ended_by` are as the audit names them, None where the asker may not read it.
    """

    id: int
    group_client_id: GroupClientId
    group_client_code: str
    group_client_name: str
    role: Role
    person: str
    valid_from: datetime
    valid_to: datetime | None
    note: str | None
    assigned_at: datetime
    assigned_by: str | None
    ended_by: str | None
    end_note: str | None


@dataclass(frozen=True, slots=True)
class Serving:
    """An account manager or agent, and how many clients in the asker's scope they serve now."""

    name: str
    role: Role
    in_force: bool
    clients: int


@dataclass(frozen=True, slots=True)
class Order:
    """Clients (their codes) that somebody is to serve from `effective_at` on; None is now.

    It may have passed: then it is put on record late.
    """

    codes: Sequence[str]
    effective_at: datetime | None = None
    note: str | None = None


async def assign(conn: Connection, scope: Scope, person: str, order: Order) -> int:
    """Let a person serve clients whom nobody of their role serves; how many.

    ServedAlready where somebody does: such a client is handed over.
    """
    scope.require(Right.ASSIGNMENTS_CHANGE)
    role = await _role_of(conn, person)
    clients = await _held(conn, scope, order)
    for code, last in await _last(conn, clients, role, order.effective_at):
        if last["open"] or last["ahead"]:
            raise ServedAlready(f"The client {code} is served by {last['person']} already.")
        if last["before_end"]:
            raise _too_early(code)
    await _begin(conn, clients, role, person, order)
    return len(clients)


async def hand_over(
    conn: Connection, scope: Scope, giving: str, receiving: str | None, order: Order
) -> int:
    """Let another person of the same role serve clients from an instant on; how many.

    The new interval begins where the old one ends. `receiving` None, of an agent only: nobody.
    """
    scope.require(Right.ASSIGNMENTS_CHANGE)
    if giving == receiving:
        raise Invalid("They serve them already.", field="to")
    role = Role.AGENT if receiving is None else await _role_of(conn, receiving)
    clients = await _held(conn, scope, order)
    lasts = dict(await _last(conn, clients, role, order.effective_at))
    for code in clients:
        last = lasts.get(code)
        if last is not None and last["ahead"]:
            raise HandOverPlanned(f"The client {code} is going to be handed over already.")
        if last is None or last["person"] != giving or not last["open"]:
            raise NotServed(f"{giving} does not serve {code} as {role.replace('_', ' ')}.")
        if last["too_early"]:
            raise _too_early(code)
    ended = {
        "ids": [last["id"] for last in lasts.values()],
        "at": order.effective_at,
        "note": None if receiving else order.note,
    }
    await conn.execute(sql.end_assignments, ended)
    if receiving is not None:
        await _begin(conn, clients, role, receiving, order)
    return len(clients)


async def list_served(conn: Connection, scope: Scope, person: str) -> tuple[str, ...]:
    """The codes of the clients in scope that a person serves and is to serve on.

    Invalid where they are more than can be handed over at once.
    """
    scope.require(Right.ASSIGNMENTS_READ)
    wanted = scope.parameters() | {"person": person, "rows": MOST_CLIENTS + 1}
    cursor = await conn.execute(sql.list_served, wanted)
    codes = tuple([row["code"] async for row in cursor])
    if len(codes) > MOST_CLIENTS:
        why = f"{person} serves more than {MOST_CLIENTS} clients."
        raise Invalid(why, field="group_clients", remedy="Name those to hand over, in parts.")
    return codes


async def call_off(conn: Connection, scope: Scope, assignment_id: int) -> None:
    """Undo an assignment that lies ahead: who serves the client until then serves it on."""
    scope.require(Right.ASSIGNMENTS_CHANGE)
    found = await find(conn, scope, assignment_id)
    await _held(conn, scope, Order([found.group_client_code]))
    called_off = await conn.execute(sql.call_off, {"id": assignment_id})
    if not called_off.rowcount:
        raise AssignmentBegun
    back = {
        "group_client_id": found.group_client_id,
        "role": found.role,
        "valid_from": found.valid_from,
    }
    await conn.execute(sql.serve_on, back)


async def find(conn: Connection, scope: Scope, assignment_id: int) -> Assignment:
    """One assignment; AssignmentNotFound when there is none in scope."""
    scope.require(Right.ASSIGNMENTS_READ)
    rows = await _read(conn, scope, id=assignment_id)
    if not rows:
        raise AssignmentNotFound(f"There is no assignment {assignment_id}.")
    return _assignment(rows[0], scope)


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    group_client: str | None = None,
    person: str | None = None,
    role: Role | None = None,
    at: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Assignment]:
    """One page of who served whom, what was put on record last first; `at` keeps to an instant."""
    scope.require(Right.ASSIGNMENTS_READ)
    rows = await _read(
        conn,
        scope,
        group_client_id=group_client and (await group_clients.find(conn, scope, group_client)).id,
        person=person,
        role=role,
        at=at,
        before=None if after is None else keyset.number(after),
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, lambda row: _assignment(row, scope), lambda row: str(row["id"]))


async def list_people(
    conn: Connection,
    scope: Scope,
    *,
    role: Role | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Serving]:
    """One page of account managers and agents by name: all for who may assign to them.

    For others those who serve a client in scope.
    """
    scope.require(Right.ASSIGNMENTS_READ)
    wanted = scope.parameters() | {
        "all": Right.ASSIGNMENTS_CHANGE in scope.rights,
        "role": role,
        "after": after or "",
        "rows": keyset.rows_asked_for(limit),
    }
    rows = await (await conn.execute(sql.list_people, wanted)).fetchall()
    return keyset.page(
        rows, limit, lambda row: Serving(**row | {"role": Role(row["role"])}), lambda r: r["name"]
    )


async def refuse_while_serving(conn: Connection, scope: Scope, person: str) -> None:
    """Raise StillServes while a person serves somebody, or is going to."""
    scope.require(Right.ASSIGNMENTS_READ)
    row = await (await conn.execute(sql.serves_anybody, {"person": person})).fetchone()
    if row is not None and row["serves"]:
        raise StillServes(f"{person} serves clients, whom nobody would serve then.")


async def _role_of(conn: Connection, person: str) -> Role:
    row = await (await conn.execute(sql.hold_person, {"person": person})).fetchone()
    if row is None or row["role"] is None:
        raise PersonCannotServe(
            f"There is no account manager or agent {person} in force.", field="to"
        )
    return Role(row["role"])


async def _held(conn: Connection, scope: Scope, order: Order) -> dict[str, GroupClientId]:
    """The clients of an order by code, held against everybody who would hand them over."""
    if not 1 <= len(set(order.codes)) == len(order.codes) <= MOST_CLIENTS:
        why = f"1 to {MOST_CLIENTS} clients are assigned at once, each named once."
        raise Invalid(why, field="group_clients")
    if order.effective_at is not None and order.effective_at > datetime.now(UTC) + MOST_AHEAD:
        raise Invalid("This is more than a year ahead.", field="effective_at")
    wanted = scope.parameters() | {"codes": list(order.codes)}
    rows = await (await conn.execute(sql.hold_clients, wanted)).fetchall()
    held = {row["code"]: GroupClientId(row["id"]) for row in rows}
    absent = set(order.codes) - held.keys()
    if absent:
        raise GroupClientNotFound(f"There is no group client {min(absent)}.")
    return held


async def _last(
    conn: Connection, clients: dict[str, GroupClientId], role: Role, at: datetime | None
) -> list[tuple[str, dict[str, Any]]]:
    """Of each client its code and who serves it last; of those that nobody ever did, nothing."""
    codes = {client_id: code for code, client_id in clients.items()}
    wanted = {"ids": list(codes), "role": role, "at": at}
    cursor = await conn.execute(sql.list_last, wanted)
    return [(codes[row["group_client_id"]], row) async for row in cursor]


async def _begin(
    conn: Connection, clients: dict[str, GroupClientId], role: Role, person: str, order: Order
) -> None:
    begun = {
        "ids": list(clients.values()),
        "role": role,
        "person": person,
        "at": order.effective_at,
        "note": order.note,
    }
    await conn.execute(sql.begin_assignments, begun)


def _too_early(code: str) -> HandOverTooEarly:
    return HandOverTooEarly(f"Who serves the client {code} does so since a later time.")


_ANY: dict[str, Any] = {"id": None, "before": None, "group_client_id": None, "person": None,
                        "role": None, "at": None, "rows": 1}  # fmt: skip


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    cursor = await conn.execute(sql.list_assignments, _ANY | wanted | scope.parameters())
    return await cursor.fetchall()


def _assignment(row: dict[str, Any], scope: Scope) -> Assignment:
    unnamed = {} if Right.AUDIT_READ in scope.rights else {"assigned_by": None, "ended_by": None}
    return Assignment(**row | {"role": Role(row["role"])} | unnamed)
