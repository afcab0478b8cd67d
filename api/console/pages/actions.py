"""What people change from the console: register a terminal, move it, give it a password."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.profiles import sample
from api.console.pages.screen import Screen, Shows
from foundation.errors import Invalid, NotFound, Refused
from registry import client_packages, credentials, group_clients, profiles, regions, terminals
from registry.credentials import Credential
from registry.identifiers import Imei, TerminalCode
from registry.model import RegionCode, RegionLevel, Terminal, TerminalState
from registry.scope import Right

router = APIRouter()

Registering = Annotated[Screen, Shows(Right.TERMINALS_REGISTER)]
Field = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True, slots=True)
class Given:
    """The form of a new terminal; an empty field says nothing."""

    code: Field = ""
    profile: Field = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    client: Field = ""
    name: Field = ""
    imei: Field = ""


@router.get("/register")
async def show_form(
    screen: Registering, client: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """The form of a new terminal, of that client."""
    return await _form(screen, Given(client=client), None)


@router.post("/register")
async def register(screen: Registering, given: Annotated[Given, Depends()]) -> Response:
    """A new terminal in testing, and its password, or the form again with what is wrong."""
    try:
        async with screen.attempt():
            registered = await terminals.register(
                screen.conn,
                screen.scope,
                code=TerminalCode.parse(given.code),
                profile=given.profile or None,
                region=RegionCode(int(given.region or -1)),
                group_client=given.client or None,
                name=given.name or None,
                imei=Imei.parse(given.imei) if given.imei else None,
                state=TerminalState.TESTING,
            )
    except (Invalid, Refused, NotFound) as error:
        return await _form(screen, given, problems.of_error(error))
    return await _handed_over(screen, registered.terminal, registered.credential)


@router.post("/terminals/{code}/state")
async def move(
    screen: Annotated[Screen, Shows(Right.TERMINALS_READ)],
    code: str,
    state: Annotated[TerminalState, Form()],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Put a terminal into another state; the verb asks for the right that it takes."""
    await terminals.move_to(screen.conn, screen.scope, code, state, reason=reason)
    return RedirectResponse(f"/terminals/{code}", 303)


@router.post("/terminals/{code}/credential")
async def issue(screen: Annotated[Screen, Shows(Right.CREDENTIALS_ISSUE)], code: str) -> Response:
    """Give a terminal a new password; the one it had is cut off within seconds."""
    credential = await credentials.issue(screen.conn, screen.scope, code)
    terminal = await terminals.find(screen.conn, screen.scope, code)
    return await _handed_over(screen, terminal, credential)


async def _handed_over(screen: Screen, terminal: Terminal, credential: Credential) -> Response:
    profile = await profiles.find(screen.conn, screen.scope, terminal.profile_code)
    return screen.show(
        "credential.html",
        terminal=terminal,
        credential=credential,
        sample=sample(profile),
        topic_prefix=screen.request.app.state.settings.topic_prefix,
    )


async def _offered(screen: Screen, client: str) -> tuple[str, ...]:
    """The profiles of the package of that client, as far as there is one."""
    try:
        owner = await group_clients.find(screen.conn, screen.scope, client)
    except NotFound:
        return ()
    return await client_packages.list_profiles(screen.conn, screen.scope, owner.id)


async def _form(screen: Screen, given: Given, problem: problems.Problem | None) -> Response:
    tree = await regions.list_all(screen.conn, screen.scope)
    within = screen.scope.region
    mine = [r for r in tree if within is None or within.low <= r.code <= within.high]
    offered = await _offered(screen, given.client)
    listed = await profiles.list_all(screen.conn, screen.scope)
    return screen.show(
        "register.html",
        status=problem.status if problem else 200,
        given=given,
        problem=problem,
        offered=[profile for code in offered for profile in listed if profile.code == code],
        profiles=[profile for profile in listed if profile.code not in offered],
        provinces=[
            (province, [r for r in mine if r.parent_code == province.code])
            for province in mine
            if province.level is RegionLevel.PROVINCE
        ],
        alone=[r for r in mine if r.level is RegionLevel.CITY] if len(mine) == 1 else [],
    )
