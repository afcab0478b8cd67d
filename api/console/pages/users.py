"""Users: who may sign in, as what, and what an administrator does about it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.access import Lot
from api.console.pages.hand_overs import people_of
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.console.pages.sheets import page_or_file
from api.problems import Problem
from api.schemas.accounts import UserAnswer
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry import assignments, group_clients, passwords, regions, sessions, users
from registry.rules import Rules
from registry.scope import SERVING_ROLES, Right, Role
from registry.users import User

router = APIRouter(prefix="/users")

OnScreen = Annotated[Screen, Shows(Right.USERS_READ)]
Appointing = Annotated[Screen, Shows(Right.USERS_APPOINT)]

_CLIENTS_OFFERED = 200
REFUSALS = (Invalid, Refused, NotFound, NotPermitted)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; an empty field of the form asks for nothing."""

    q: Annotated[str, Query(max_length=64)] = ""
    role: Annotated[str, Query(max_length=32)] = ""
    standing: Annotated[str, Query(pattern="^(in_force|disabled)?$")] = ""
    client: Annotated[str, Query(max_length=64)] = ""
    after: Annotated[str, Query(max_length=256)] = ""

    @property
    def any(self) -> bool:
        return bool(self.q or self.role or self.standing or self.client)


@dataclass(frozen=True, slots=True)
class Given:
    """The form of a role and what goes with it; for a new user with a name."""

    role: Annotated[Role, Form()] = Role.CLIENT_VIEWER
    name: Annotated[str, Form(max_length=64)] = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    clients: Annotated[str, Form(max_length=2000)] = ""

    @property
    def lot(self) -> Lot:
        return Lot.of(self.role, self.region, self.clients)


@router.get("")
async def list_users(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of the users in scope, by name."""
    read = partial(
        users.list_page,
        prefix=filters.q or None,
        role=Role(filters.role) if filters.role in set(Role) else None,
        group_client=filters.client or None,
        disabled=filters.standing == "disabled" if filters.standing else None,
    )
    page = await page_or_file(screen, "users", UserAnswer, read, filters.after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "users.html",
        filters=filters,
        users=page.items,
        next_key=page.next_key,
        regions=await named_regions(screen),
        roles=users.may_give(screen.scope) or tuple(Role),
        may_appoint=screen.may(Right.USERS_APPOINT),
    )


@router.get("/new")
async def show_form(screen: Appointing) -> Response:
    """The form of a new user."""
    return await _form(screen, Given(clients=await own_client(screen)), None)


@router.post("/new")
async def appoint(screen: Appointing, given: Annotated[Given, Depends()]) -> Response:
    """A new user with a one-time password, shown once, or the form again with what is wrong."""
    password, lot = passwords.one_time(_rules(screen)), given.lot
    try:
        async with screen.attempt():
            user = await users.appoint(
                screen.conn,
                screen.scope,
                name=given.name.strip(),
                password=password,
                role=lot.role,
                region=lot.region,
                group_clients=lot.group_clients,
                must_change=True,
                rules=_rules(screen),
            )
    except REFUSALS as error:
        return await _form(screen, given, problems.of_error(error))
    return screen.show("one_time_password.html", name=user.name, password=password)


@router.get("/{user}")
async def show_user(screen: OnScreen, user: str) -> Response:
    """One user: what they may do and see, their sessions, and what can be changed."""
    return await _page(screen, user, None)


@router.post("/{user}/role")
async def change_role(
    screen: Appointing, user: str, given: Annotated[Given, Depends()]
) -> Response:
    """Another role or reach; all their sessions end."""
    lot = given.lot
    return await _change(
        screen,
        user,
        role=lot.role,
        region=lot.region,
        group_clients=lot.group_clients or None if lot.role in SERVING_ROLES else lot.group_clients,
    )


@router.post("/{user}/standing")
async def change_standing(
    screen: Appointing, user: str, disabled: Annotated[bool, Form()]
) -> Response:
    """Out of force, or in again."""
    return await _change(screen, user, disabled=disabled)


@router.post("/{user}/password")
async def reset_password(screen: Appointing, user: str) -> Response:
    """A one-time password, shown once; their sessions end."""
    password = passwords.one_time(_rules(screen))
    try:
        async with screen.attempt():
            await users.set_password(
                screen.conn, screen.scope, user, password, rules=_rules(screen)
            )
    except Refused as error:
        return await _page(screen, user, problems.of_error(error))
    return screen.show("one_time_password.html", name=user, password=password)


@router.post("/{user}/second-factor")
async def reset_second_factor(screen: Appointing, user: str) -> Response:
    """Forget a second factor that was lost; their sessions end."""
    try:
        async with screen.attempt():
            await users.reset_second_factor(screen.conn, screen.scope, user)
    except Refused as error:
        return await _page(screen, user, problems.of_error(error))
    return RedirectResponse(f"/users/{user}", 303)


@router.post("/{user}/sessions")
async def end_sessions(
    screen: Appointing, user: str, session: Annotated[UUID | None, Form()] = None
) -> Response:
    """End one of their sessions, or all."""
    await sessions.end_of(screen.conn, screen.scope, user, session)
    return RedirectResponse(f"/users/{user}", 303)


async def _change(screen: Screen, name: str, **change: Any) -> Response:
    try:
        async with screen.attempt():
            await users.change(screen.conn, screen.scope, name, **change)
    except (Invalid, Refused, NotPermitted) as error:
        return await _page(screen, name, problems.of_error(error))
    return RedirectResponse(f"/users/{name}", 303)


async def _page(screen: Screen, name: str, problem: Problem | None) -> Response:
    found = await users.find(screen.conn, screen.scope, name)
    is_own = screen.scope.actor == f"user:{found.name}"
    may_appoint = screen.may(Right.USERS_APPOINT) and not is_own
    given = Given(
        role=found.role,
        region=str(found.region_code or ""),
        clients="" if found.role in SERVING_ROLES else ", ".join(found.group_client_codes),
    )
    return screen.show(
        "user.html",
        status=problem.status if problem else 200,
        problem=problem,
        user=found,
        is_own=is_own,
        needs_second_factor=_rules(screen).demands_second_factor(found.role),
        sessions=await sessions.list_of(screen.conn, screen.scope, name),
        may_appoint=may_appoint,
        regions=await named_regions(screen),
        given=given,
        **(await offers(screen, users.may_give(screen.scope)) if may_appoint else {}),
        **await _serving(screen, found),
    )


async def _serving(screen: Screen, user: User) -> dict[str, Any]:
    """Whom an account manager or agent serves now, and whom to hand it all over to."""
    if user.role not in SERVING_ROLES:
        return {"served": None}
    served = await assignments.list_page(
        screen.conn, screen.scope, person=user.name, at=datetime.now(UTC), limit=PAGE_ROWS
    )
    return {"served": served, **await people_of(screen, user.name)}


async def _form(screen: Screen, given: Given, problem: Problem | None) -> Response:
    return screen.show(
        "user_new.html",
        status=problem.status if problem else 200,
        problem=problem,
        given=given,
        **await offers(screen, users.may_give(screen.scope)),
    )


async def offers(screen: Screen, roles: tuple[Role, ...]) -> dict[str, Any]:
    """What the form of a role lets choose from: roles, regions, and the first clients in scope."""
    listed = await group_clients.list_page(screen.conn, screen.scope, limit=_CLIENTS_OFFERED)
    tree = await regions.list_all(screen.conn, screen.scope)
    return {"roles": roles, "region_tree": tree, "clients": listed.items}


async def named_regions(screen: Screen) -> dict[int, Any]:
    """Every region by its code, for the lists that name what somebody sees."""
    return {region.code: region for region in await regions.list_all(screen.conn, screen.scope)}


async def own_client(screen: Screen) -> str:
    """The client of a client's own people, to begin a form with; empty for others."""
    if screen.scope.everything or not screen.scope.group_clients:
        return ""
    listed = await group_clients.list_page(screen.conn, screen.scope, limit=_CLIENTS_OFFERED)
    mine = [client.code for client in listed.items if client.id in screen.scope.group_clients]
    return mine[0] if mine else ""


def _rules(screen: Screen) -> Rules:
    rules: Rules = screen.request.app.state.rules
    return rules
