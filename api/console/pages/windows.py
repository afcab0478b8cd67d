"""Maintenance windows: what is planned, the form of a new one, and one with how it may end."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages import whose
from api.console.pages.screen import AT, PAGE_ROWS, ZONE, Screen, Shows, instant_given
from api.console.pages.users import own_client
from api.console.pages.whose import Whose
from api.errors import VersionChanged
from api.routes.windows import Number
from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused
from registry import regions
from registry.scope import Right
from telemetry.alarms import windows
from telemetry.alarms.windows import MaintenanceWindow, WindowInvalid

router = APIRouter(prefix="/maintenance-windows")

OnScreen = Annotated[Screen, Shows(Right.RULES_READ)]
Planning = Annotated[Screen, Shows(Right.RULES_CHANGE)]
At = Annotated[str, Form(pattern=AT)]
Zone = Annotated[str, Form(pattern=ZONE)]
Why = Annotated[str, Form(max_length=1000)]
Version = Annotated[int | None, Form(ge=1)]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)
_STATES: dict[str, bool | None] = {"": True, "over": False, "all": None}


@dataclass(frozen=True, slots=True)
class Given(Whose):
    """The form of a new window; its times are in the reader's own `zone`."""

    why: Why = ""
    begins: At = ""
    ends: At = ""
    zone: Zone = "Z"

    def planned(self) -> dict[str, Any]:
        """As the verb takes it."""
        return {
            "why": _reason(self.why),
            "begins_at": instant_given(self.begins, self.zone),
            "ends_at": _end(self.ends, self.zone),
            **self.of(),
        }


@router.get("")
async def list_windows(
    screen: OnScreen,
    state: Annotated[str, Query(pattern="^(over|all)?$")] = "",
    after: Annotated[str, Query(max_length=32)] = "",
) -> Response:
    """One page of the windows in scope, those that are not over unless others are asked for."""
    page = await windows.list_page(
        screen.conn, screen.scope, is_open=_STATES[state], after=after or None, limit=PAGE_ROWS
    )
    return screen.show(
        "windows.html",
        items=page.items,
        next_key=page.next_key,
        state=state,
        after=after,
        regions=await _regions(screen),
        may_change=screen.may(Right.RULES_CHANGE),
    )


@router.get("/new")
async def show_form(
    screen: Planning,
    terminal: Annotated[str, Query(max_length=64)] = "",
    collection: Annotated[str, Query(pattern="^[0-9]{0,9}$")] = "",
) -> Response:
    """The form of a new window, perhaps of a terminal or a collection."""
    client = await own_client(screen)
    return await _form(screen, Given(terminal=terminal, collection=collection, client=client), None)


@router.post("/new")
async def plan(screen: Planning, given: Annotated[Given, Depends()]) -> Response:
    """A new window, or the form again with what is wrong."""
    try:
        async with screen.attempt():
            made = await windows.plan(screen.conn, screen.scope, **given.planned())
    except _REFUSALS as error:
        return await _form(screen, given, error)
    return RedirectResponse(f"/maintenance-windows/{made.id}", 303)


@router.get("/{number}")
async def show_window(screen: OnScreen, number: Number) -> Response:
    """One window: whose it is, from when until when, and who made it."""
    return await _page(screen, number, None)


@router.post("/{number}/change")
async def change(
    screen: Planning,
    number: Number,
    why: Why = "",
    ends: At = "",
    zone: Zone = "Z",
    version: Version = None,
) -> Response:
    """Let it end at another time, or for another reason; an end that is left empty stays."""
    try:
        ends_at = instant_given(ends, zone)
    except Invalid as error:
        return await _page(screen, number, error)
    deed = windows.change(
        screen.conn, screen.scope, number, ends_at=ends_at, why=why.strip() or None
    )
    return await _done(screen, number, deed, version)


@router.post("/{number}/end")
async def end(screen: Planning, number: Number, version: Version = None) -> Response:
    """Let it end now: what is still wrong is told."""
    deed = windows.change(screen.conn, screen.scope, number, ends_at=datetime.now(UTC))
    return await _done(screen, number, deed, version)


async def _done(
    screen: Screen, number: int, deed: Awaitable[MaintenanceWindow], version: int | None
) -> Response:
    """Do it to the window as the reader saw it, or show the page again with what is wrong."""
    try:
        async with screen.attempt():
            changed = await deed
            if version is not None and changed.version != version + 1:
                raise VersionChanged
    except _REFUSALS as error:
        return await _page(screen, number, error)
    return RedirectResponse(f"/maintenance-windows/{number}", 303)


def _reason(why: str) -> str:
    if not why.strip():
        raise WindowInvalid("A window has a reason.", field="why", remedy="Say what is done.")
    return why.strip()


def _end(ends: str, zone: str) -> datetime:
    ends_at = instant_given(ends, zone)
    if ends_at is None:
        raise WindowInvalid(field="ends_at")
    return ends_at


async def _page(screen: Screen, number: int, error: MusterError | None) -> Response:
    problem = problems.of_error(error) if error else None
    return screen.show(
        "window.html",
        status=problem.status if problem else 200,
        problem=problem,
        window=await windows.find(screen.conn, screen.scope, number),
        regions=await _regions(screen),
        may_change=screen.may(Right.RULES_CHANGE),
    )


async def _form(screen: Screen, given: Given, error: MusterError | None) -> Response:
    problem = problems.of_error(error) if error else None
    place = whose.place_of(error) if error else ""
    shown = {"ends_at": "ends", "at": "begins", "why": "why"} | {n: n for n in whose.FIELDS}
    return screen.show(
        "window_new.html",
        status=problem.status if problem else 200,
        problem=problem,
        wrong=shown.get(place, ""),
        given=given,
        **await whose.choices(screen),
    )


async def _regions(screen: Screen) -> dict[int, Any]:
    return {region.code: region for region in await regions.list_all(screen.conn, screen.scope)}
