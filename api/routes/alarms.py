"""`/api/v1/alarms`: what is wrong, and who looks after it."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response

from api.dependencies import Creates, LooksBack, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.alarms import (
    AcknowledgementsAnswer,
    AcknowledgementsBody,
    AlarmAnswer,
    AlarmAssignmentBody,
    AlarmWithNotes,
    CommentBody,
    NoteBody,
    OpenAlarmsAnswer,
    ShelvingBody,
)
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from foundation.database import Connection
from registry import group_clients, profiles, regions
from registry.conditions import Severity
from registry.scope import Right, Scope
from telemetry.alarms import desk
from telemetry.alarms.desk import Acknowledged, Alarm

router = APIRouter(prefix="/api/v1/alarms", tags=["alarms"], route_class=StrictRoute)

Reader = Annotated[Scope, LooksBack(Right.ALARMS_READ)]
Tender = Annotated[Scope, Needs(Right.ALARMS_TEND)]
Number = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("", operation_id="list_alarms")
async def list_alarms(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    open_: Annotated[
        bool | None, Query(alias="open", description="Or over; both if left out.")
    ] = None,
    acknowledged: bool | None = None,
    shelved: bool | None = None,
    breached: Annotated[bool | None, Query(description="Nobody took note of it in time.")] = None,
    quiet: Annotated[bool | None, Query(description="Under one of many.")] = None,
    parent: Annotated[
        int | None, Query(ge=1, lt=2**63, description="Under this one of many.")
    ] = None,
    severity: Severity | None = None,
    terminal: Annotated[str | None, Query(max_length=64)] = None,
    rule: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    assignee: Annotated[str | None, Query(max_length=64, description="Looks after it.")] = None,
    profile: Annotated[
        str | None, Query(max_length=64, description="The terminal is of it now.")
    ] = None,
    group_client: Annotated[
        str | None, Query(max_length=64, description="It or a client below it owned the terminal.")
    ] = None,
    region: Annotated[int | None, Query(description="In its subtree.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[AlarmAnswer]:
    """One page of the alarms, the last raised first."""
    page = await desk.list_page(
        conn,
        scope,
        open=open_,
        acknowledged=acknowledged,
        shelved=shelved,
        breached=breached,
        quiet=quiet,
        parent=parent,
        severity=severity,
        terminal=terminal,
        rule=rule,
        assignee=assignee,
        **await _named(conn, scope, profile, group_client, region),
        after=after,
        limit=limit,
    )
    link_next(request, response, page.next_key)
    return PageOf[AlarmAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/open", operation_id="count_open_alarms")
async def count_open_alarms(scope: Reader, conn: Transaction) -> OpenAlarmsAnswer:
    """How many are open of each severity."""
    counted = await desk.count_open(conn, scope, shelved=False, quiet=False)
    return OpenAlarmsAnswer.model_validate({"items": counted})


@router.post("/acknowledgements", operation_id="acknowledge_alarms")
async def acknowledge_alarms(
    scope: Tender, conn: Transaction, body: AcknowledgementsBody
) -> AcknowledgementsAnswer:
    """Take note of many at once, up to 500; what became of each is told, and the rest is done."""
    if body.where is None:
        done = await desk.acknowledge_all(conn, scope, body.alarms or [], body.note)
    else:
        asked = body.where.model_dump()
        codes = [asked.pop(name) for name in ("profile", "group_client", "region")]
        named = await _named(conn, scope, *codes)
        done = await desk.acknowledge_wanted(conn, scope, body.note, **asked, **named)
    outcomes = done.outcomes.items()
    told = {"items": [{"alarm": number, "outcome": outcome} for number, outcome in outcomes],
            "acknowledged": done.done, "more": done.is_more}  # fmt: skip
    return AcknowledgementsAnswer.model_validate(told | {"audit": _audit(scope, done)})


@router.get("/{number}", operation_id="find_alarm")
async def find_alarm(scope: Reader, conn: Transaction, number: Number) -> AlarmWithNotes:
    """One alarm, with what was done and said about it."""
    return await _whole(conn, scope, await desk.find(conn, scope, number))


@router.post("/{number}/acknowledgement", operation_id="acknowledge_alarm")
async def acknowledge_alarm(
    scope: Tender, conn: Transaction, number: Number, body: NoteBody
) -> AlarmWithNotes:
    """Take note of it; the first who does is kept."""
    return await _whole(conn, scope, await desk.acknowledge(conn, scope, number, body.note))


@router.post("/{number}/assignment", operation_id="assign_alarm")
async def assign_alarm(
    scope: Tender, conn: Transaction, number: Number, body: AlarmAssignmentBody
) -> AlarmWithNotes:
    """Say who is to look after it."""
    tended = await desk.assign(conn, scope, number, body.assignee, body.note)
    return await _whole(conn, scope, tended)


@router.post("/{number}/shelving", operation_id="shelve_alarm")
async def shelve_alarm(
    scope: Tender, conn: Transaction, number: Number, body: ShelvingBody
) -> AlarmWithNotes:
    """Put it out of sight until a time, thirty days at most."""
    return await _whole(conn, scope, await desk.shelve(conn, scope, number, body.until, body.note))


@router.post("/{number}/clearing", operation_id="clear_alarm")
async def clear_alarm(
    scope: Tender, conn: Transaction, number: Number, body: NoteBody
) -> AlarmWithNotes:
    """Say that it is over."""
    return await _whole(conn, scope, await desk.clear(conn, scope, number, body.note))


@router.post("/{number}/notes", operation_id="comment_on_alarm", status_code=201)
async def comment_on_alarm(
    scope: Annotated[Scope, Creates(Right.ALARMS_TEND)],
    conn: Transaction,
    number: Number,
    body: CommentBody,
) -> AlarmWithNotes:
    """Say something about it."""
    return await _whole(conn, scope, await desk.comment(conn, scope, number, body.text))


async def _named(
    conn: Connection, scope: Scope, profile: str | None, client: str | None, region: int | None
) -> dict[str, Any]:
    """What a list is narrowed to by the codes of these."""
    owner = None if client is None else await group_clients.find(conn, scope, client)
    return {
        "profile": None if profile is None else (await profiles.find(conn, scope, profile)).id,
        "group_client": None if owner is None else owner.id,
        "region": None if region is None else (await regions.find(conn, scope, region)).range,
    }


def _audit(scope: Scope, done: Acknowledged) -> str | None:
    """Where the audit has what was done, for whoever may read it."""
    if not done.done or Right.AUDIT_READ not in scope.rights:
        return None
    span = {"from": done.start.isoformat(), "to": done.end.isoformat()}
    asked = {"actor": scope.actor, "action": "alarm_note.insert", **span}
    return f"/api/v1/audit?{urlencode(asked)}"


async def _whole(conn: Connection, scope: Scope, alarm: Alarm) -> AlarmWithNotes:
    notes = await desk.list_notes(conn, scope, alarm)
    told = {name: getattr(alarm, name) for name in AlarmAnswer.model_fields}
    return AlarmWithNotes.model_validate(told | {"notes": notes})
