"""Handing clients over: one from its page, all of a person's from theirs or from the book."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Path
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import AT, ZONE, Screen, Shows, instant_given
from api.problems import Problem
from foundation.errors import Invalid, NotFound, Refused
from registry import assignments
from registry.assignments import Order, Serving
from registry.scope import Right

Assigning = Annotated[Screen, Shows(Right.ASSIGNMENTS_CHANGE)]

router = APIRouter(prefix="/hand-overs")

_MOST_PEOPLE = 1000


@dataclass(frozen=True, slots=True)
class Given:
    """The form: who gives (empty: nobody served it), who receives (empty: nobody will).

    It is of one client, or (empty) of all that the giving one serves; `at` is in the reader's zone.
    """

    giving: Annotated[str, Form(max_length=64)] = ""
    receiving: Annotated[str, Form(max_length=64)] = ""
    client: Annotated[str, Form(max_length=64)] = ""
    at: Annotated[str, Form(pattern=AT)] = ""
    zone: Annotated[str, Form(pattern=ZONE)] = "Z"
    note: Annotated[str, Form(max_length=500)] = ""


@router.post("")
async def hand_over(screen: Assigning, given: Annotated[Given, Depends()]) -> Response:
    """Assign or hand over, or the form again with what is wrong."""
    try:
        async with screen.attempt():
            await _hand_over(screen, given)
    except (Invalid, Refused, NotFound) as error:
        return await _form(screen, given, problems.of_error(error))
    if given.client:
        return RedirectResponse(f"/group-clients/{given.client}#serving", 303)
    return RedirectResponse(f"/book?{urlencode({'person': given.receiving})}", 303)


@router.post("/{number}/calling-off")
async def call_off(
    screen: Assigning, number: Annotated[int, Path(ge=1, lt=2**63)]
) -> RedirectResponse:
    """Undo one that lies ahead."""
    found = await assignments.find(screen.conn, screen.scope, number)
    await assignments.call_off(screen.conn, screen.scope, number)
    return RedirectResponse(f"/group-clients/{found.group_client_code}#serving", 303)


async def people_of(
    screen: Screen, person: str | None = None, people: Sequence[Serving] | None = None
) -> dict[str, Any]:
    """What the form lets choose from: who may serve, of each role; and who `person` is of them.

    `people` where they are known already.
    """
    if not screen.may(Right.ASSIGNMENTS_CHANGE):
        return {"may_assign": False, "serving": None, "servers": {}}
    if people is None:
        people = await people_who_serve(screen)
    servers: dict[str, list[Serving]] = {}
    for one in people:
        if one.in_force:
            servers.setdefault(one.role, []).append(one)
    serving = next((one for one in people if one.name == person), None)
    return {"may_assign": True, "serving": serving, "servers": servers}


async def people_who_serve(screen: Screen) -> Sequence[Serving]:
    """Account managers and agents as far as the reader sees them, as many as a form can hold."""
    listed = await assignments.list_people(screen.conn, screen.scope, limit=_MOST_PEOPLE)
    return listed.items


async def _hand_over(screen: Screen, given: Given) -> None:
    conn, scope = screen.conn, screen.scope
    at, note = instant_given(given.at, given.zone), given.note.strip() or None
    receiving = given.receiving.strip() or None
    if given.client:
        codes: tuple[str, ...] = (given.client,)
    else:
        codes = await assignments.list_served(conn, scope, given.giving)
    order = Order(codes, at, note)
    if given.giving:
        await assignments.hand_over(conn, scope, given.giving, receiving, order)
    else:
        await assignments.assign(conn, scope, receiving or "", order)


async def _form(screen: Screen, given: Given, problem: Problem) -> Response:
    return screen.show(
        "hand_over.html",
        status=problem.status,
        problem=problem,
        given=given,
        **await people_of(screen, given.giving),
    )
