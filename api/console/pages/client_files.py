"""A client's file: its life, what is known, whom to ask, and the forms that change it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.problems import Problem
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry import client_files, file_life
from registry.file_model import (
    MOST_CONTACTS,
    ClientFile,
    Contact,
    Document,
    Evidence,
    FileMove,
    StandingChange,
)
from registry.identifiers import CreditCode
from registry.model import FileState, Standing, ValueGrade
from registry.scope import Right

router = APIRouter(prefix="/group-clients/{code}/file")

Reading = Annotated[Screen, Shows(Right.CLIENT_FILES_READ)]
Keeping = Annotated[Screen, Shows(Right.CLIENT_FILES_KEEP)]
Text = Annotated[str, Form(max_length=2000)]
Line = Annotated[str, Form(max_length=200)]
Lines = Annotated[list[str], Form()]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)


@dataclass(frozen=True, slots=True)
class Shown:
    """A file with the newest of each of its histories, and what this person may do with it."""

    file: ClientFile
    moves: Sequence[FileMove]
    standings: Sequence[StandingChange]
    evidence: Sequence[Evidence]
    ways: Sequence[FileState]
    may_keep: bool
    may_value: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """The form of what a survey found; an empty field says nothing."""

    products: Text = ""
    rivals: Text = ""
    expected_terminals: Annotated[str, Form(pattern="^[0-9]{0,8}$")] = ""
    needs: Text = ""


async def shown(screen: Screen, code: str) -> Shown | None:
    """What a client's page shows of its file; None for who does not read it."""
    if not screen.may(Right.CLIENT_FILES_READ):
        return None
    conn, scope = screen.conn, screen.scope
    file = await client_files.find(conn, scope, code)
    is_open = file.file_state is not FileState.CLOSED
    return Shown(
        file,
        (await client_files.list_moves(conn, scope, code, limit=PAGE_ROWS)).items,
        (await client_files.list_standings(conn, scope, code, limit=PAGE_ROWS)).items,
        (await client_files.list_evidence(conn, scope, code, limit=PAGE_ROWS)).items,
        file_life.moves_from(file.file_state, file.filed_by, scope),
        is_open and screen.may(Right.CLIENT_FILES_KEEP),
        screen.may(Right.GROUP_CLIENTS_CHANGE),
    )


@router.get("")
async def show_forms(screen: Reading, code: str) -> Response:
    """The file with the forms that change it."""
    return await _page(screen, code, None)


@router.post("/survey")
async def note_survey(
    screen: Keeping,
    code: str,
    given: Annotated[Survey, Depends()],
    contact_name: Lines = [],  # noqa: B006 - read by the framework, and never changed
    contact_role: Lines = [],  # noqa: B006
    contact_phone: Lines = [],  # noqa: B006
    contact_mail: Lines = [],  # noqa: B006
) -> Response:
    """What a survey found, and whom to ask; a contact without anything in it is none."""
    rows = zip_longest(contact_name, contact_role, contact_phone, contact_mail, fillvalue="")

    async def note() -> None:
        await client_files.change(
            screen.conn,
            screen.scope,
            code,
            products=given.products.strip() or None,
            rivals=given.rivals.strip() or None,
            expected_terminals=int(given.expected_terminals) if given.expected_terminals else None,
            needs=given.needs.strip() or None,
            contacts=[Contact.of(*row) for row in rows if any(cell.strip() for cell in row)],
        )

    return await _done(screen, code, note)


@router.post("/worth")
async def note_worth(
    screen: Annotated[Screen, Shows(Right.GROUP_CLIENTS_CHANGE)],
    code: str,
    credit_code: Line = "",
    value_grade: Annotated[str, Form(pattern="^[A-D]?$")] = "",
    *,
    watched: Annotated[bool, Form()] = False,
) -> Response:
    """What the client is worth, and its code in the public register."""

    async def note() -> None:
        await client_files.change(
            screen.conn,
            screen.scope,
            code,
            credit_code=CreditCode.parse(credit_code) if credit_code.strip() else None,
            value_grade=ValueGrade(value_grade) if value_grade else None,
            watched=watched,
        )

    return await _done(screen, code, note)


@router.post("/moves")
async def move(
    screen: Keeping,
    code: str,
    state: Annotated[FileState, Form()],
    reason: Annotated[str, Form(max_length=500)] = "",
    until: Annotated[str, Form(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = "",
) -> Response:
    """Another state of the file; the verb asks for the right that it takes."""

    async def make() -> None:
        verified = state is FileState.VERIFIED
        await client_files.move_to(
            screen.conn,
            screen.scope,
            code,
            state,
            reason=reason,
            due_at=_end_of(until) if until and verified else None,
        )

    return await _done(screen, code, make)


@router.post("/standings")
async def set_standing(
    screen: Annotated[Screen, Shows(Right.GROUP_CLIENTS_CHANGE)],
    code: str,
    standing: Annotated[Standing, Form()],
    since: Annotated[str, Form(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """What the client is from a day on."""

    async def make() -> None:
        await client_files.set_standing(
            screen.conn,
            screen.scope,
            code,
            standing,
            since=_day(since) if since else None,
            reason=reason,
        )

    return await _done(screen, code, make)


@router.post("/evidence")
async def add_evidence(
    screen: Keeping, code: str, name: Line = "", sha256: Line = "", note: Text = ""
) -> Response:
    """One more document."""

    async def add() -> None:
        document = Document.of(name, sha256, note)
        await client_files.add_evidence(screen.conn, screen.scope, code, document)

    return await _done(screen, code, add)


async def _done(screen: Screen, code: str, act: Callable[[], Awaitable[None]]) -> Response:
    """Back to the client after the act, or the forms again with what is wrong."""
    try:
        async with screen.attempt():
            await act()
    except _REFUSALS as error:
        return await _page(screen, code, problems.of_error(error))
    return RedirectResponse(f"/group-clients/{code}", 303)


async def _page(screen: Screen, code: str, problem: Problem | None) -> Response:
    found = await shown(screen, code)
    assert found is not None
    known = len(found.file.contacts)
    return screen.show(
        "client_file_change.html",
        status=problem.status if problem else 200,
        problem=problem,
        shown=found,
        file=found.file,
        contact_rows=range(min(MOST_CONTACTS, known + 2)),
        needs_reason=file_life.EXPLAINED,
        grades=list(ValueGrade),
        standings=[one for one in Standing if one is not found.file.standing],
    )


def _day(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Invalid("This is no day of the calendar.") from None


def _end_of(text: str) -> datetime:
    return _day(text) + timedelta(days=1)
