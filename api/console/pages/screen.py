"""What every page of a signed-in person has: who they are, what they see, and one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import HTMLResponse

from api.auth import Caller
from api.console.rendering import Renderer
from api.dependencies import Transaction, Who
from foundation.database import Connection, attempt
from foundation.errors import Invalid
from registry import group_clients, regions
from registry.scope import Right, Scope

PAGE_ROWS = 25
SPANS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
# What a field of day and time, and the reader's zone beside it, may hold.
AT, ZONE = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d)?$", r"^(Z|[+-]\d\d:\d\d)?$"


@dataclass(frozen=True, slots=True)
class Screen:
    """A page in the making."""

    request: Request
    caller: Caller
    conn: Connection
    renderer: Renderer

    @property
    def scope(self) -> Scope:
        return self.caller.scope

    def may(self, right: Right) -> bool:
        """Whether to offer something; the verb behind it asks again."""
        return right in self.scope.rights

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """What is refused within is undone, and the page can still be made after it."""
        async with attempt(self.conn):
            yield

    def show(self, template: str, **values: Any) -> HTMLResponse:
        """The page."""
        house = self.request.state.house
        return self.renderer.page(self.request, template, **{**house, **values})


async def prepare(request: Request, caller: Who, conn: Transaction) -> Screen:
    """The screen of whoever is signed in."""
    renderer: Renderer = request.app.state.renderer
    reach = await _reach(conn, caller.scope, renderer, request)
    request.state.house = {
        "who": caller,
        "reach": reach,
        "found": None,
        "has_files": False,
    }  # a refusal is shown in the same house
    return Screen(request, caller, conn, renderer)


def Shows(right: Right) -> Any:  # noqa: N802 - reads as a word in signatures, like Depends
    """Ask for a screen, and refuse callers who lack `right` before the page is made."""

    async def permitted(
        screen: Annotated[Screen, Depends(prepare, scope="function")],
    ) -> Screen:
        screen.scope.require(right)
        return screen

    return Depends(permitted, scope="function")


def instant_given(at: str, zone: str) -> datetime | None:
    """The instant that a form names in the reader's own zone; None where it is left empty."""
    if not at:
        return None
    try:
        return datetime.fromisoformat(f"{at}:00{zone or 'Z'}")
    except ValueError:
        raise Invalid("This is no day of the calendar.", field="at") from None


async def _reach(conn: Connection, scope: Scope, renderer: Renderer, request: Request) -> str:
    """What the caller sees, in a few words of their language."""
    language = renderer.language(request)
    if scope.everything:
        return language.translations.gettext("whole fleet")
    if scope.region is not None and Right.REGIONS_READ in scope.rights:
        tree = await regions.list_all(conn, scope)
        return next(language.titled(r) for r in tree if r.range == scope.region)
    if Right.GROUP_CLIENTS_READ not in scope.rights:
        return ""
    page = await group_clients.list_page(conn, scope, limit=100)
    names = [client.name for client in page.items if client.id in scope.group_clients]
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "") if names else ""
