"""What became of a terminal and what it is made of: its history, and the forms that change it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.problems import Problem
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry import gateways, moves, particulars, parts, regions, terminals, wire_names
from registry.gateways import GatewayInterval
from registry.identifiers import Iccid, Imei, WireName
from registry.model import Hardware, Page, RegionCode, Terminal, TerminalState, TerminalWireName
from registry.moves import Move
from registry.particulars import Location
from registry.parts import SimInterval
from registry.scope import Right

router = APIRouter(prefix="/terminals/{code}")

Changing = Annotated[Screen, Shows(Right.TERMINALS_CHANGE)]
Installing = Annotated[Screen, Shows(Right.SIMS_INSTALL)]
Text = Annotated[str, Form(max_length=200)]
Since = Annotated[str, Form(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?)?$")]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)
_ROWS = 5


@dataclass(frozen=True, slots=True)
class Past:
    """The newest of each history of a terminal; `sims` None is not for this role."""

    moves: Page[Move]
    hardware: Page[Hardware]
    sims: Page[SimInterval] | None
    names: Sequence[TerminalWireName]
    gateways: Page[GatewayInterval]
    behind: Page[Terminal]

    @property
    def gateway(self) -> GatewayInterval | None:
        """The one that it is behind now."""
        return next((one for one in self.gateways.items if one.valid_to is None), None)


@dataclass(frozen=True, slots=True)
class Particulars:
    """The form of what people note; the tags parted by commas or blanks."""

    name: Text = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    latitude: Annotated[str, Form(max_length=20)] = ""
    longitude: Annotated[str, Form(max_length=20)] = ""
    tags: Annotated[str, Form(max_length=600)] = ""

    @property
    def location(self) -> Location:
        """The place; Invalid where a number is none."""
        try:
            return Location(
                *(float(t) if t.strip() else None for t in (self.latitude, self.longitude))
            )
        except ValueError:
            raise Invalid("A latitude and a longitude are numbers of degrees.") from None


async def past_of(screen: Screen, code: str) -> Past:
    """What a terminal's page shows of its past."""
    conn, scope = screen.conn, screen.scope
    may_see_sims = screen.may(Right.SIMS_READ)
    return Past(
        await moves.list_of(conn, scope, code, limit=_ROWS),
        await parts.list_hardware(conn, scope, code, limit=_ROWS),
        await parts.list_sims(conn, scope, code, limit=_ROWS) if may_see_sims else None,
        await wire_names.list_of(conn, scope, code),
        await gateways.list_of(conn, scope, code, limit=_ROWS),
        await gateways.list_behind(conn, scope, code, limit=_ROWS),
    )


@router.get("/behind")
async def list_behind(
    screen: Annotated[Screen, Shows(Right.TERMINALS_READ)],
    code: str,
    after: Annotated[str, Query(max_length=256)] = "",
) -> Response:
    """One page of the terminals that a gateway speaks for."""
    conn, scope = screen.conn, screen.scope
    return screen.show(
        "terminal_behind.html",
        terminal=await terminals.find(conn, scope, code),
        page=await gateways.list_behind(conn, scope, code, after=after or None, limit=PAGE_ROWS),
        after=after,
    )


@router.get("/change")
async def show_forms(screen: Changing, code: str) -> Response:
    """What can be changed of a terminal beside its state."""
    return await _forms(screen, code, None)


@router.post("/particulars")
async def note(screen: Changing, code: str, given: Annotated[Particulars, Depends()]) -> Response:
    """Its name, region, place and tags."""
    try:
        async with screen.attempt():
            await particulars.change(
                screen.conn,
                screen.scope,
                code,
                name=given.name.strip() or None,
                nameless=not given.name.strip(),
                region=RegionCode(int(given.region)) if given.region else None,
                location=given.location,
                tags=given.tags.replace("，", " ").replace(",", " ").split(),
            )
    except _REFUSALS as error:
        return await _forms(screen, code, problems.of_error(error), given)
    return _back(code)


@router.post("/hardware")
async def replace_hardware(
    screen: Changing, code: str, imei: Text = "", since: Since = ""
) -> Response:
    """Other hardware, or none."""
    try:
        async with screen.attempt():
            number = Imei.parse(imei) if imei.strip() else None
            await parts.replace_hardware(
                screen.conn, screen.scope, code, number, at=_instant(since)
            )
    except _REFUSALS as error:
        return await _forms(screen, code, problems.of_error(error))
    return _back(code)


@router.post("/sim")
async def replace_sim(
    screen: Installing, code: str, iccid: Text = "", since: Since = ""
) -> Response:
    """Another SIM, or none."""
    try:
        async with screen.attempt():
            number = Iccid.parse(iccid) if iccid.strip() else None
            await parts.replace_sim(screen.conn, screen.scope, code, number, at=_instant(since))
    except _REFUSALS as error:
        return await _forms(screen, code, problems.of_error(error))
    return _back(code)


@router.post("/names")
async def give_name(screen: Changing, code: str, kind: Text = "", value: Text = "") -> Response:
    """One more name in a protocol."""
    try:
        async with screen.attempt():
            name = WireName.of(kind, value.strip())
            await wire_names.give(screen.conn, screen.scope, code, name)
    except _REFUSALS as error:
        return await _forms(screen, code, problems.of_error(error))
    return _back(code)


@router.post("/names/removal")
async def take_name_away(screen: Changing, code: str, name: Text) -> Response:
    """One name less."""
    await wire_names.take_away(screen.conn, screen.scope, code, WireName.parse(name))
    return _back(code)


@router.post("/gateway")
async def put_behind(
    screen: Changing, code: str, gateway: Text = "", since: Since = ""
) -> Response:
    """Behind another gateway, or none."""
    try:
        async with screen.attempt():
            await gateways.put_behind(
                screen.conn, screen.scope, code, gateway.strip() or None, at=_instant(since)
            )
    except _REFUSALS as error:
        return await _forms(screen, code, problems.of_error(error))
    return _back(code)


def _back(code: str) -> Response:
    return RedirectResponse(f"/terminals/{code}", 303)


def _instant(since: str) -> datetime | None:
    return datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None


async def _forms(
    screen: Screen, code: str, problem: Problem | None, given: Particulars | None = None
) -> Response:
    conn, scope = screen.conn, screen.scope
    found = await terminals.find(conn, scope, code)
    tree = await regions.list_all(conn, scope)
    within = scope.region
    return screen.show(
        "terminal_change.html",
        status=problem.status if problem else 200,
        problem=problem,
        terminal=found,
        given=given or _noted(found),
        past=await past_of(screen, code),
        regions=[
            region
            for region in tree
            if within is None
            or within.low <= region.code <= within.high
            or region.code == found.region_code
        ],
        is_retired=found.state is TerminalState.RETIRED,
        may_install=screen.may(Right.SIMS_INSTALL),
    )


def _noted(terminal: Terminal) -> Particulars:
    latitude, longitude = terminal.latitude, terminal.longitude
    return Particulars(
        terminal.name or "",
        str(terminal.region_code),
        "" if latitude is None else str(latitude),
        "" if longitude is None else str(longitude),
        ", ".join(terminal.tags),
    )
