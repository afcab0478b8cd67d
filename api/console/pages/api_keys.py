"""API keys: which programs get in, as what, until when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.access import Lot
from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.console.pages.users import REFUSALS, named_regions, offers, own_client
from api.problems import Problem
from api.schemas.accounts import ApiKeyAnswer
from registry import api_keys
from registry.scope import Right, Role

router = APIRouter(prefix="/api-keys")

OnScreen = Annotated[Screen, Shows(Right.API_KEYS_READ)]
Issuing = Annotated[Screen, Shows(Right.API_KEYS_ISSUE)]

TERMS_DAYS = (30, 90, 365)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; at first the keys in force."""

    standing: Annotated[str, Query(pattern="^(in_force|ended|all)$")] = "in_force"
    role: Annotated[str, Query(max_length=32)] = ""
    client: Annotated[str, Query(max_length=64)] = ""
    after: Annotated[str, Query(max_length=256)] = ""

    @property
    def any(self) -> bool:
        return bool(self.standing != "in_force" or self.role or self.client)


@dataclass(frozen=True, slots=True)
class Given:
    """The form of a new key; it ends after `days`, or never."""

    role: Annotated[Role, Form()] = Role.CLIENT_VIEWER
    name: Annotated[str, Form(max_length=100)] = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    clients: Annotated[str, Form(max_length=2000)] = ""
    days: Annotated[str, Form(pattern="^(30|90|365)?$")] = "365"


@router.get("")
async def list_keys(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of the keys in scope, newest first."""
    read = partial(
        api_keys.list_page,
        role=Role(filters.role) if filters.role in set(Role) else None,
        group_client=filters.client or None,
        in_force=None if filters.standing == "all" else filters.standing == "in_force",
    )
    page = await page_or_file(screen, "api-keys", ApiKeyAnswer, read, filters.after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "api_keys.html",
        filters=filters,
        keys=page.items,
        next_key=page.next_key,
        regions=await named_regions(screen),
        roles=api_keys.may_give(screen.scope) or tuple(Role),
        may_issue=screen.may(Right.API_KEYS_ISSUE),
    )


@router.get("/new")
async def show_form(
    screen: Issuing, role: Annotated[Role, Query()] = Role.CLIENT_VIEWER
) -> Response:
    """The form of a new key."""
    return await _form(screen, Given(role=role, clients=await own_client(screen)), None)


@router.post("/new")
async def issue(screen: Issuing, given: Annotated[Given, Depends()]) -> Response:
    """A new key with its secret, shown once, or the form again with what is wrong."""
    lot = Lot.of(given.role, given.region, given.clients)
    term = timedelta(days=int(given.days)) if given.days else None
    try:
        async with screen.attempt():
            issued = await api_keys.issue(
                screen.conn,
                screen.scope,
                name=given.name.strip(),
                role=lot.role,
                region=lot.region,
                group_clients=lot.group_clients,
                expires_at=datetime.now(UTC) + term if term else None,
            )
    except REFUSALS as error:
        return await _form(screen, given, problems.of_error(error))
    return screen.show(
        "api_key_secret.html", key=issued.key, secret=issued.secret, address=address_of(screen)
    )


@router.get("/{prefix}")
async def api_key(screen: OnScreen, prefix: str) -> Response:
    """One key: what it may do and see, when it was used, until when it holds."""
    return screen.show(
        "api_key.html",
        key=await api_keys.find(screen.conn, screen.scope, prefix),
        regions=await named_regions(screen),
        may_issue=screen.may(Right.API_KEYS_ISSUE),
    )


@router.post("/{prefix}/revocation")
async def revoke(screen: Issuing, prefix: str) -> Response:
    """Take a key out of force at once."""
    await api_keys.revoke(screen.conn, screen.scope, prefix)
    return RedirectResponse(f"/api-keys/{prefix}", 303)


async def _form(screen: Screen, given: Given, problem: Problem | None) -> Response:
    return screen.show(
        "api_key_new.html",
        status=problem.status if problem else 200,
        problem=problem,
        given=given,
        terms_days=TERMS_DAYS,
        **await offers(screen, api_keys.may_give(screen.scope)),
    )


def address_of(screen: Screen) -> str:
    """Where a program finds the API: the address that the reader came by."""
    url = screen.request.url
    return f"{url.scheme}://{url.netloc}"
