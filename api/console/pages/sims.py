"""SIMs: the list with what is due, one SIM with its life, and what people change of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.problems import Problem
from api.schemas.sims import SimAnswer
from foundation.errors import Invalid, NotFound, Refused
from registry import bindings, group_clients, regions, sim_lists, sims
from registry.errors import SimNotFound
from registry.identifiers import Eid, Iccid, IdentifierInvalid, Imsi, Msisdn
from registry.model import RegionCode, RegionLevel, SimState
from registry.scope import Right
from registry.sim_lists import Search
from registry.sims import Change

router = APIRouter(prefix="/sims")

OnScreen = Annotated[Screen, Shows(Right.SIMS_READ)]
Registering = Annotated[Screen, Shows(Right.SIMS_REGISTER)]
Changing = Annotated[Screen, Shows(Right.SIMS_CHANGE)]
Moving = Annotated[Screen, Shows(Right.SIMS_MOVE)]
Installing = Annotated[Screen, Shows(Right.SIMS_INSTALL)]

Field = Annotated[str, Form(max_length=200)]
Day = Annotated[str, Form(pattern=r"^(\d{4}-\d\d-\d\d)?$")]

WARNED_DAYS = 30
_REFUSALS = (Invalid, Refused, NotFound)
_ROWS_OF_HISTORY = 20


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; an empty field of the form asks for nothing."""

    q: Annotated[str, Query(max_length=24)] = ""
    by: Annotated[str, Query(pattern="^(iccid|imsi|msisdn)$")] = "iccid"
    state: Annotated[str, Query(max_length=32)] = ""
    place: Annotated[str, Query(pattern="^(installed|stock)?$")] = ""
    region: Annotated[str, Query(pattern="^[0-9]{0,6}$")] = ""
    plan: Annotated[str, Query(max_length=64)] = ""
    apn: Annotated[str, Query(max_length=100)] = ""
    order: Annotated[str, Query(max_length=64)] = ""
    client: Annotated[str, Query(max_length=64)] = ""
    ahead: Annotated[str, Query(pattern="^([1-9][0-9]{0,3})?$")] = ""
    after: Annotated[str, Query(max_length=256)] = ""

    @property
    def any(self) -> bool:
        return any((self.q, self.state, self.place, self.region, self.plan, self.apn, self.order,
                    self.client, self.ahead))  # fmt: skip

    async def search(self, screen: Screen) -> Search:
        """The same as the registry understands it."""
        conn, scope = screen.conn, screen.scope
        owner = await group_clients.find(conn, scope, self.client) if self.client else None
        region = await regions.find(conn, scope, int(self.region)) if self.region else None
        days = timedelta(days=int(self.ahead)) if self.ahead else None
        number = self.q.replace(" ", "") or None
        return Search(
            iccid=number if self.by == "iccid" else None,
            imsi=number if self.by == "imsi" else None,
            msisdn=number if self.by == "msisdn" else None,
            group_client=None if owner is None else owner.id,
            region=None if region is None else region.range,
            state=SimState(self.state) if self.state in set(SimState) else None,
            plan=self.plan or None,
            apn=self.apn or None,
            order_ref=self.order or None,
            installed=self.place == "installed" if self.place else None,
            activates_before=None if days is None else datetime.now(UTC) + days,
        )


@dataclass(frozen=True, slots=True)
class Service:
    """The form of a SIM's service; an empty field says nothing."""

    client: Field = ""
    apn: Field = ""
    plan: Field = ""
    test_until: Day = ""
    silent_until: Day = ""


@dataclass(frozen=True, slots=True)
class Given(Service):
    """The form of a new SIM."""

    iccid: Field = ""
    imsi: Field = ""
    msisdn: Field = ""
    eid: Field = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""


@router.get("")
async def list_sims(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of SIMs, and how many are put into use soon; a whole ICCID opens its SIM."""
    conn, scope = screen.conn, screen.scope
    if filters.by == "iccid" and len(filters.q) >= 18 and await _is_there(screen, filters.q):
        return RedirectResponse(f"/sims/{Iccid.parse(filters.q)}", 303)
    search = await filters.search(screen)
    page = await page_or_file(
        screen, "sims", SimAnswer, partial(sim_lists.list_page, search=search), filters.after
    )
    if isinstance(page, Response):
        return page
    tree = await regions.list_all(conn, scope)
    return screen.show(
        "sims.html",
        filters=filters,
        sims=page.items,
        next_key=page.next_key,
        named_regions={region.code: region for region in tree},
        regions=[region for region in tree if region.level is not RegionLevel.CITY],
        days=WARNED_DAYS,
        ahead=await sims.activations_ahead(conn, scope, WARNED_DAYS),
        may_register=screen.may(Right.SIMS_REGISTER),
    )


@router.get("/new")
async def show_form(screen: Registering) -> Response:
    """The form of a new SIM."""
    return await _form(screen, Given(), None)


@router.post("/new")
async def register(screen: Registering, given: Annotated[Given, Depends()]) -> Response:
    """A new SIM in the stock, or the form again with what is wrong."""
    try:
        async with screen.attempt():
            sim = await sims.register(
                screen.conn,
                screen.scope,
                iccid=Iccid.parse(given.iccid),
                imsi=Imsi.parse(given.imsi) if given.imsi else None,
                msisdn=Msisdn.parse(given.msisdn) if given.msisdn else None,
                eid=Eid.parse(given.eid) if given.eid else None,
                region=RegionCode(int(given.region or -1)),
                group_client=given.client or None,
                apn=given.apn or None,
                plan=given.plan or None,
                test_until=_end_of(given.test_until),
                silent_until=_end_of(given.silent_until),
                foreign=screen.request.app.state.settings.foreign_sims == "warn",
            )
    except _REFUSALS as error:
        return await _form(screen, given, problems.of_error(error))
    return RedirectResponse(f"/sims/{sim.iccid}", 303)


@router.get("/{iccid}")
async def show_sim(screen: OnScreen, iccid: str) -> Response:
    """One SIM: its life and where it may go, its numbers, its service, where it was."""
    return await _page(screen, iccid, None)


@router.post("/{iccid}/state")
async def move(
    screen: Moving,
    iccid: str,
    state: Annotated[SimState, Form()],
    reason: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Put a SIM into another state."""
    try:
        async with screen.attempt():
            await sims.move(
                screen.conn, screen.scope, Iccid.named(iccid), state, reason=reason.strip() or None
            )
    except (Invalid, Refused) as error:
        return await _page(screen, iccid, problems.of_error(error))
    return RedirectResponse(f"/sims/{iccid}", 303)


@router.post("/{iccid}/service")
async def change(screen: Changing, iccid: str, given: Annotated[Service, Depends()]) -> Response:
    """Another APN, plan, end of a period or owner; a day that was not changed stays exact."""
    known = await sims.find(screen.conn, screen.scope, Iccid.named(iccid))
    wanted = Change(apn=given.apn.strip() or None, plan=given.plan.strip() or None)
    if given.test_until != _day_of(known.test_until):
        wanted["test_until"] = _end_of(given.test_until)
    if given.silent_until != _day_of(known.silent_until):
        wanted["silent_until"] = _end_of(given.silent_until)
    if not known.installed and (given.client or None) != known.group_client_code:
        wanted["group_client"] = given.client or None
    try:
        async with screen.attempt():
            await sims.change(screen.conn, screen.scope, known.iccid, **wanted)
    except _REFUSALS as error:
        return await _page(screen, iccid, problems.of_error(error))
    return RedirectResponse(f"/sims/{iccid}", 303)


@router.post("/{iccid}/installation")
async def install(
    screen: Installing, iccid: str, terminal: Annotated[str, Form(max_length=64)] = ""
) -> Response:
    """The SIM is in a terminal from now on; in none, where the field is empty."""
    try:
        async with screen.attempt():
            named = Iccid.named(iccid)
            if terminal:
                await sims.install(screen.conn, screen.scope, named, terminal.strip())
            else:
                await sims.remove(screen.conn, screen.scope, named)
    except SimNotFound:
        raise
    except _REFUSALS as error:
        return await _page(screen, iccid, problems.of_error(error))
    return RedirectResponse(f"/sims/{iccid}", 303)


async def _page(screen: Screen, iccid: str, problem: Problem | None) -> Response:
    conn, scope = screen.conn, screen.scope
    sim = await sims.find(conn, scope, Iccid.named(iccid))
    states = await sims.list_states(conn, scope, sim.iccid, limit=_ROWS_OF_HISTORY)
    stays = await sims.list_stays(conn, scope, sim.iccid, limit=_ROWS_OF_HISTORY)
    return screen.show(
        "sim.html",
        status=problem.status if problem else 200,
        problem=problem,
        sim=sim,
        odd=await sims.oddities(conn, scope, sim),
        binding=await bindings.find(conn, scope, sim.iccid),
        region=await regions.find(conn, scope, sim.region_code),
        moves=sims.moves_of(scope, sim),
        states=states,
        stays=stays,
        test_day=_day_of(sim.test_until),
        silent_day=_day_of(sim.silent_until),
        may_change=screen.may(Right.SIMS_CHANGE),
        may_install=screen.may(Right.SIMS_INSTALL),
    )


async def _form(screen: Screen, given: Given, problem: Problem | None) -> Response:
    tree = await regions.list_all(screen.conn, screen.scope)
    within = screen.scope.region
    mine = [r for r in tree if within is None or within.low <= r.code <= within.high]
    return screen.show(
        "sim_new.html",
        status=problem.status if problem else 200,
        given=given,
        problem=problem,
        regions=mine,
    )


async def _is_there(screen: Screen, text: str) -> bool:
    try:
        await sims.find(screen.conn, screen.scope, Iccid.parse(text))
    except (IdentifierInvalid, SimNotFound):
        return False
    return True


def _day_of(end: datetime | None) -> str:
    return "" if end is None else f"{end.astimezone(UTC):%Y-%m-%d}"


def _end_of(day: str) -> datetime | None:
    """The instant at which a day (UTC) begins."""
    try:
        return datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
    except ValueError:
        raise Invalid("This is no day of the calendar.") from None
