"""Legal holds: what is not dropped, the form that places one, and the one that lifts it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import AT, ZONE, Screen, Shows, instant_given
from api.console.pages.sheets import page_or_file
from api.problems import Problem
from api.schemas.legal_holds import LegalHoldAnswer
from foundation.errors import Invalid, NotFound, Refused
from registry import legal_holds
from registry.scope import Right

router = APIRouter(prefix="/legal-holds")

Reading = Annotated[Screen, Shows(Right.LEGAL_HOLDS_READ)]
Placing = Annotated[Screen, Shows(Right.LEGAL_HOLDS_PLACE)]
Number = Annotated[int, Path(alias="hold", ge=1, lt=2**31)]
After = Annotated[str, Query(max_length=20)]
Line = Annotated[str, Form(max_length=500)]
At = Annotated[str, Form(pattern=AT)]

_REFUSALS = (Invalid, Refused, NotFound)


@dataclass(frozen=True, slots=True)
class Given:
    """The form of a hold; its times are in the reader's own `zone`."""

    on: Annotated[str, Form(pattern="^(group_client|terminal|profile)$")] = "group_client"
    code: Annotated[str, Form(max_length=64)] = ""
    since: At = ""
    until: At = ""
    zone: Annotated[str, Form(pattern=ZONE)] = "Z"
    reason: Line = ""
    reference: Line = ""


@router.get("")
async def list_holds(screen: Reading, after: After = "") -> Response:
    """One page of the holds, newest first, and the form of a new one."""
    return await _page(screen, Given(), None, after)


@router.post("")
async def place(screen: Placing, given: Annotated[Given, Depends()]) -> Response:
    """A new hold, or the form again with what is wrong."""
    named = {given.on: given.code.strip() or None}
    try:
        async with screen.attempt():
            await legal_holds.place(
                screen.conn,
                screen.scope,
                reason=given.reason.strip(),
                reference=given.reference.strip(),
                group_client=named.get("group_client"),
                terminal=named.get("terminal"),
                profile=named.get("profile"),
                since=instant_given(given.since, given.zone),
                until=instant_given(given.until, given.zone),
            )
    except _REFUSALS as error:
        return await _page(screen, given, problems.of_error(error))
    return RedirectResponse("/legal-holds", 303)


@router.post("/{hold}/lifting")
async def lift(screen: Placing, number: Number, reason: Line = "") -> Response:
    """A hold lifted, or the page again with what is wrong."""
    try:
        async with screen.attempt():
            await legal_holds.lift(screen.conn, screen.scope, number, reason.strip())
    except (Invalid, Refused) as error:
        return await _page(screen, Given(), problems.of_error(error))
    return RedirectResponse("/legal-holds", 303)


async def _page(screen: Screen, given: Given, problem: Problem | None, after: str = "") -> Response:
    page = await page_or_file(screen, "legal-holds", LegalHoldAnswer, legal_holds.list_page, after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "legal_holds.html",
        status=problem.status if problem else 200,
        problem=problem,
        given=given,
        page=page,
        after=after,
        may_place=screen.may(Right.LEGAL_HOLDS_PLACE),
    )
