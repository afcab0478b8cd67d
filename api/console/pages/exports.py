"""Exports: what is being written, files to fetch, and a new one of some terminals or a set."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import exported, problems
from api.console.pages.screen import AT, ZONE, Screen, Shows, instant_given
from api.console.pages.sheets import page_or_file
from api.console.pages.users import own_client
from api.problems import Problem
from api.routes.exports import Number
from api.schemas.exports import ExportAnswer
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry import collections, profiles
from registry.scope import Right
from telemetry import parquet
from telemetry.errors import TimesInvalid
from telemetry.exports import asking
from telemetry.exports.model import UNFINISHED, Bounds, Content, ExportFormat, Wanted

router = APIRouter(prefix="/exports")

OnScreen = Annotated[Screen, Shows(Right.TELEMETRY_READ)]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)
_COLLECTIONS = 200  # as many as a list to choose from bears
_CODES = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Given:
    """The form of a new export; the last `days`, unless two instants in the own `zone` are given.

    A CSV is for spreadsheets here, and marked as theirs.
    """

    terminals: Annotated[str, Form(max_length=70_000)] = ""
    collection: Annotated[str, Form(pattern="^[0-9]{0,9}$")] = ""
    client: Annotated[str, Form(max_length=64)] = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    content: Annotated[Content, Form()] = Content.READINGS
    form: Annotated[ExportFormat, Form(alias="format")] = ExportFormat.CSV
    days: Annotated[str, Form(pattern="^(1|7|31|366)$")] = "31"
    start: Annotated[str, Form(pattern=AT)] = ""
    end: Annotated[str, Form(pattern=AT)] = ""
    zone: Annotated[str, Form(pattern=ZONE)] = "Z"
    profile: Annotated[str, Form(max_length=64)] = ""
    metrics: Annotated[str, Form(max_length=2000)] = ""

    def wanted(self) -> Wanted:
        """What the form asks for."""
        now = datetime.now(UTC)
        start, end = (instant_given(at, self.zone) for at in (self.start, self.end))
        if start is None and end is not None:
            raise TimesInvalid("Give both times, or none.", field="start")
        return Wanted(
            content=self.content,
            start=start or now - timedelta(days=int(self.days)),
            end=end or now,
            terminals=_listed(self.terminals),
            collection=int(self.collection) if self.collection else None,
            group_client=self.client.strip() or None,
            region=int(self.region) if self.region else None,
            profile=self.profile.strip() or None,
            metrics=_listed(self.metrics),
            marked=True,
        )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in _CODES.split(text) if part))


@router.get("")
async def list_exports(
    screen: OnScreen, after: Annotated[str | None, Query(max_length=32)] = None
) -> Response:
    """One page of the own exports, newest first; an administrator sees everybody's."""
    return await _list(screen, after, None)


@router.get("/new")
async def show_form(
    screen: OnScreen,
    terminal: Annotated[str, Query(max_length=64)] = "",
    collection: Annotated[str, Query(pattern="^[0-9]{0,9}$")] = "",
    client: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The form of a new export, of what the reader came from."""
    if not (terminal or collection or client):
        client = await own_client(screen)
    given = Given(terminals=terminal, collection=collection, client=client)
    return await _form(screen, given, None)


@router.post("/new")
async def ask(screen: OnScreen, given: Annotated[Given, Depends()]) -> Response:
    """A new export, or the form again with what is wrong."""
    bounds = Bounds.of(screen.request.app.state.settings)
    try:
        wanted = given.wanted()
        async with screen.attempt():
            await asking.ask(screen.conn, screen.scope, wanted, given.form, bounds)
    except _REFUSALS as error:
        return await _form(screen, given, problems.of_error(error))
    return RedirectResponse("/exports", 303)


@router.get("/{number}/file")
async def fetch(screen: OnScreen, number: Number) -> Response:
    """The file of an export; where there is none, the list with the reason."""
    try:
        return await exported.response(screen.request, screen.conn, screen.scope, number)
    except (Refused, NotPermitted) as error:
        return await _list(screen, None, problems.of_error(error))


@router.post("/{number}/deletion")
async def delete(screen: OnScreen, number: Number) -> Response:
    """Cancel it, or take it away with its file."""
    await asking.delete(screen.conn, screen.scope, number)
    return RedirectResponse("/exports", 303)


async def _list(screen: Screen, after: str | None, problem: Problem | None) -> Response:
    page = await page_or_file(
        screen, "exports", ExportAnswer, asking.list_page, after, ExportAnswer.of
    )
    if isinstance(page, Response):
        return page
    return screen.show(
        "exports.html",
        status=problem.status if problem else 200,
        items=page.items,
        next_key=page.next_key,
        after=after,
        running=any(export.state in UNFINISHED for export in page.items),
        unfinished=UNFINISHED,
        problem=problem,
    )


async def _form(screen: Screen, given: Given, problem: Problem | None) -> Response:
    shown = await collections.list_page(screen.conn, screen.scope, limit=_COLLECTIONS)
    return screen.show(
        "export_new.html",
        status=problem.status if problem else 200,
        given=given,
        problem=problem,
        collections=shown.items,
        profiles=await profiles.list_all(screen.conn, screen.scope),
        formats=[
            form for form in ExportFormat if form is not ExportFormat.PARQUET or parquet.is_there()
        ],
    )
