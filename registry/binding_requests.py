"""Another hardware for a bound SIM: asked for, approved by somebody else, and then a new rule.

Who asks says why and which IMEI; a request that nobody decides expires.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from registry import bindings, keyset
from registry.binding_errors import (
    BindingRequestNotFound,
    ExpiryInvalid,
    NotBound,
    OwnRequest,
    RequestClosed,
)
from registry.bindings import Mode, Rule, actor_told
from registry.identifiers import Iccid, Imei
from registry.model import Page
from registry.scope import Right, Scope

sql = queries.load("registry", "binding_requests.sql")

USUAL_DAYS = 7
_SHORTEST, _LONGEST = timedelta(hours=1), timedelta(days=31)


class RequestState(StrEnum):
    """The life of a request; all but `open` are its ends."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingRequest:
    """A SIM is to work in the hardware `imei`; `version` counts the request's changes from 1.

    `requested_by` and `decided_by` are told to who may read the audit, and to who they are.
    """

    id: int
    iccid: str
    imei: str
    reason: str
    requested_by: str | None
    requested_at: datetime
    expires_at: datetime
    state: RequestState
    decided_by: str | None
    decided_at: datetime | None
    remark: str | None
    version: int


async def ask(
    conn: Connection,
    scope: Scope,
    iccid: Iccid,
    imei: Imei,
    *,
    reason: str,
    lasting: timedelta = timedelta(days=USUAL_DAYS),
) -> BindingRequest:
    """Ask that a bound SIM may work in other hardware; one request of a SIM is open at a time."""
    scope.require(Right.BINDINGS_REQUEST)
    if not _SHORTEST <= lasting <= _LONGEST:
        raise ExpiryInvalid(field="expires_in_hours")
    present = await bindings.find(conn, scope, iccid)
    if present is None or present.mode is Mode.OFF:
        raise NotBound(f"The SIM {iccid} is not bound.")
    await conn.execute(sql.expire_request, {"iccid": str(iccid)})
    opened = await conn.execute(
        sql.open_request,
        {
            "iccid": str(iccid),
            "imei": str(imei),
            "reason": reason,
            "actor": scope.actor,
            "lasting": lasting,
        },
    )
    row = await opened.fetchone()
    assert row is not None
    return await find(conn, scope, row["id"])


async def find(conn: Connection, scope: Scope, request_id: int) -> BindingRequest:
    """One request; BindingRequestNotFound when there is none in scope."""
    scope.require(Right.SIMS_READ)
    cursor = await conn.execute(sql.find_request, scope.parameters() | {"id": request_id})
    row = await cursor.fetchone()
    if row is None:
        raise BindingRequestNotFound(f"There is no request {request_id}.")
    return _request(row, scope)


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    state: RequestState | None = None,
    iccid: Iccid | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[BindingRequest]:
    """One page of the requests in scope, of one SIM if it is named, the newest first."""
    scope.require(Right.SIMS_READ)
    before = None if after is None else keyset.number(after)
    asked = {"state": state, "iccid": iccid and str(iccid), "before": before}
    wanted = scope.parameters() | {k: v for k, v in asked.items() if v is not None}
    wanted["rows"] = keyset.rows_asked_for(limit)
    rows = await (await conn.execute(sql.list_requests, {"wanted": Jsonb(wanted)})).fetchall()
    return keyset.page(rows, limit, lambda row: _request(row, scope), lambda row: str(row["id"]))


async def approve(
    conn: Connection, scope: Scope, request_id: int, *, remark: str | None = None
) -> BindingRequest:
    """Let what was asked for hold from now on; never by who asked.

    A list or a type takes the new hardware in beside the old, any other mode becomes `exact`.
    """
    scope.require(Right.BINDINGS_APPROVE)
    request = await _held(conn, scope, request_id)
    iccid = Iccid(request.iccid)
    present = await bindings.find(conn, scope, iccid)
    if present is None or present.mode is Mode.OFF:
        raise NotBound(f"The SIM {iccid} is not bound any more.")
    imei = Imei(request.imei)
    if present.mode is Mode.IMEI_LIST:
        rule = Rule.parse(present.mode, (*present.imeis, request.imei), action=present.action)
    elif present.mode is Mode.TAC:
        rule = Rule.parse(present.mode, tacs=(*present.tacs, imei.tac), action=present.action)
    else:
        rule = Rule.parse(Mode.EXACT, (request.imei,), action=present.action)
    await bindings.put(conn, scope, iccid, rule, reason=f"request {request.id}")
    return await _decide(conn, scope, request, RequestState.APPROVED, remark)


async def decline(
    conn: Connection, scope: Scope, request_id: int, *, remark: str | None = None
) -> BindingRequest:
    """Leave the rule as it is; never by who asked."""
    scope.require(Right.BINDINGS_APPROVE)
    request = await _held(conn, scope, request_id)
    return await _decide(conn, scope, request, RequestState.DECLINED, remark)


async def withdraw(conn: Connection, scope: Scope, request_id: int) -> BindingRequest:
    """Take the own request back."""
    scope.require(Right.BINDINGS_REQUEST)
    request = await find(conn, scope, request_id)
    if request.requested_by != scope.actor:
        raise BindingRequestNotFound(f"There is no request {request_id}.")
    return await _decide(conn, scope, request, RequestState.WITHDRAWN, None)


async def _held(conn: Connection, scope: Scope, request_id: int) -> BindingRequest:
    """An open request of somebody else, its SIM held against other decisions."""
    request = await find(conn, scope, request_id)
    if request.requested_by == scope.actor:
        raise OwnRequest
    await conn.execute(sql.hold_requested_sim, {"id": request_id})
    request = await find(conn, scope, request_id)
    if request.state is not RequestState.OPEN:
        raise RequestClosed(f"The request {request_id} is {request.state.value}.")
    return request


async def _decide(
    conn: Connection, scope: Scope, request: BindingRequest, state: RequestState, remark: str | None
) -> BindingRequest:
    decided = await conn.execute(
        sql.decide_request,
        {"id": request.id, "state": state.value, "actor": scope.actor, "remark": remark},
    )
    if not decided.rowcount:
        raise RequestClosed(f"The request {request.id} is closed.")
    return await find(conn, scope, request.id)


def _request(row: dict[str, Any], scope: Scope) -> BindingRequest:
    told = {by: actor_told(row[by], scope) for by in ("requested_by", "decided_by")}
    return BindingRequest(**row | told | {"state": RequestState(row["state"])})
