"""`/api/v1/sims`: the SIMs of the operator, their lives, and the terminals they are in."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.imports import OrderRef
from api.schemas.shapes import Instant, PageOf
from api.schemas.sims import (
    ActivationDay,
    ActivationsAnswer,
    InstallationAnswer,
    InstallationBody,
    PlacementsBody,
    SimAnswer,
    SimBody,
    SimChange,
    SimDetailAnswer,
    SimMove,
    StateChangeAnswer,
    StayAnswer,
)
from api.strict import StrictRoute
from foundation.database import Connection
from registry import group_clients, regions, sim_lists, sims
from registry.identifiers import Eid, Iccid, Imsi, Msisdn
from registry.model import RegionCode, SimState
from registry.scope import Right, Scope
from registry.sim_lists import Search
from registry.sim_model import Placement, Sim

router = APIRouter(prefix="/api/v1/sims", tags=["sims"], route_class=StrictRoute)

Days = Annotated[int, Query(ge=1, le=3650)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list of SIMs may be narrowed to."""

    iccid: Annotated[str | None, Query(max_length=20, description="Its beginning.")] = None
    imsi: Annotated[str | None, Query(max_length=15, description="Its beginning.")] = None
    msisdn: Annotated[str | None, Query(max_length=13, description="Its beginning.")] = None
    group_client: Annotated[
        str | None, Query(max_length=64, description="Of it or a client below it.")
    ] = None
    region: Annotated[int | None, Query(description="In its subtree.")] = None
    state: SimState | None = None
    plan: Annotated[str | None, Query(max_length=64)] = None
    apn: Annotated[str | None, Query(max_length=100)] = None
    order_ref: OrderRef = None
    installed: Annotated[bool | None, Query(description="False: in stock, in no terminal.")] = None
    period_ends_before: Annotated[
        Instant | None, Query(description="Test or silent period; the next to end come first.")
    ] = None
    activates_within_days: Annotated[
        int | None,
        Query(ge=1, le=3650, description="Put into use by the system unless somebody does before."),
    ] = None

    async def search(self, conn: Connection, scope: Scope) -> Search:
        """The same as the registry understands it; what is named must be there."""
        code, ahead = self.group_client, self.activates_within_days
        owner = None if code is None else await group_clients.find(conn, scope, code)
        return Search(
            iccid=self.iccid,
            imsi=self.imsi,
            msisdn=self.msisdn,
            group_client=None if owner is None else owner.id,
            region=None
            if self.region is None
            else (await regions.find(conn, scope, self.region)).range,
            state=self.state,
            plan=self.plan,
            apn=self.apn,
            order_ref=self.order_ref,
            installed=self.installed,
            ends_before=self.period_ends_before,
            activates_before=datetime.now(UTC) + timedelta(days=ahead) if ahead else None,
        )


@router.get("", operation_id="list_sims")
async def list_sims(
    scope: Annotated[Scope, Needs(Right.SIMS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    asked: Annotated[Asked, Depends()],
    after: After = None,
    limit: Limit = 50,
) -> PageOf[SimAnswer]:
    """One page of the SIMs in scope, each with its state and the terminal that it is in."""
    search = await asked.search(conn, scope)
    page = await sim_lists.list_page(conn, scope, search, after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [SimAnswer.model_validate(sim) for sim in page.items]
    return PageOf[SimAnswer](items=items, next=page.next_key)


@router.post("", operation_id="register_sim", status_code=201)
async def register_sim(
    scope: Annotated[Scope, Creates(Right.SIMS_REGISTER)],
    conn: Transaction,
    request: Request,
    response: Response,
    body: SimBody,
) -> SimDetailAnswer:
    """Put a SIM on the roll; `warnings` say what is odd about its numbers."""
    sim = await sims.register(
        conn,
        scope,
        iccid=Iccid.parse(body.iccid),
        imsi=None if body.imsi is None else Imsi.parse(body.imsi),
        msisdn=None if body.msisdn is None else Msisdn.parse(body.msisdn),
        eid=None if body.eid is None else Eid.parse(body.eid),
        region=RegionCode(body.region),
        group_client=body.group_client,
        state=body.state,
        apn=body.apn,
        plan=body.plan,
        test_until=body.test_until,
        silent_until=body.silent_until,
        foreign=_takes_foreign(request),
    )
    response.headers["Location"] = f"/api/v1/sims/{sim.iccid}"
    return await _detail(conn, scope, etags.tag(response, sim))


@router.get("/activations", operation_id="count_sim_activations")
async def count_activations(
    scope: Annotated[Scope, Needs(Right.SIMS_READ)], conn: Transaction, days: Days = 30
) -> ActivationsAnswer:
    """How many SIMs the system will put into use within `days`, by day."""
    ahead = await sims.activations_ahead(conn, scope, days)
    return ActivationsAnswer(
        until=ahead.until,
        total=ahead.total,
        exact=ahead.exact,
        days=[ActivationDay(day=day, sims=count) for day, count in ahead.days],
    )


@router.post("/placements", operation_id="place_sims", status_code=201)
async def place_sims(
    scope: Annotated[Scope, Creates(Right.SIMS_INSTALL)], conn: Transaction, body: PlacementsBody
) -> list[InstallationAnswer]:
    """Let SIMs change places at one moment, all or none: two terminals exchange theirs."""
    placements = [Placement(Iccid.parse(p.iccid), p.terminal) for p in body.placements]
    placed = await sims.place(conn, scope, placements, at=body.at)
    since = placed[0].valid_from
    return [
        InstallationAnswer(iccid=str(p.iccid), terminal=p.terminal, since=since) for p in placements
    ]


@router.get("/{iccid}", operation_id="find_sim")
async def find_sim(
    scope: Annotated[Scope, Needs(Right.SIMS_READ)],
    conn: Transaction,
    response: Response,
    iccid: str,
) -> SimDetailAnswer:
    """One SIM by its ICCID; the ETag is its version."""
    sim = await sims.find(conn, scope, Iccid.named(iccid))
    return await _detail(conn, scope, etags.tag(response, sim))


@router.patch("/{iccid}", operation_id="change_sim")
async def change_sim(
    scope: Annotated[Scope, Needs(Right.SIMS_CHANGE)],
    conn: Transaction,
    request: Request,
    response: Response,
    iccid: str,
    body: SimChange,
    if_match: IfMatch,
) -> SimDetailAnswer:
    """Change a SIM's numbers, service, periods, region or owner."""
    named, foreign = Iccid.named(iccid), _takes_foreign(request)
    await if_match.before(sims.find, conn, scope, named)
    sim = await sims.change(conn, scope, named, foreign=foreign, **body.asked())
    return await _detail(conn, scope, if_match.after(response, sim))


@router.put("/{iccid}/state", operation_id="move_sim")
async def move_sim(
    scope: Annotated[Scope, Needs(Right.SIMS_MOVE)],
    conn: Transaction,
    response: Response,
    iccid: str,
    body: SimMove,
    if_match: IfMatch,
) -> SimDetailAnswer:
    """Put a SIM into another state; `moves` of a SIM says where you may take it."""
    named = Iccid.named(iccid)
    await if_match.before(sims.find, conn, scope, named)
    sim = await sims.move(conn, scope, named, body.state, reason=body.reason)
    return await _detail(conn, scope, if_match.after(response, sim))


@router.get("/{iccid}/states", operation_id="list_sim_states")
async def list_states(
    scope: Annotated[Scope, Needs(Right.SIMS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    iccid: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[StateChangeAnswer]:
    """One page of the states that a SIM went to, newest first."""
    page = await sims.list_states(conn, scope, Iccid.named(iccid), after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [StateChangeAnswer.model_validate(change) for change in page.items]
    return PageOf[StateChangeAnswer](items=items, next=page.next_key)


@router.get("/{iccid}/installations", operation_id="list_sim_installations")
async def list_installations(
    scope: Annotated[Scope, Needs(Right.SIMS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    iccid: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[StayAnswer]:
    """One page of the terminals that a SIM was in, newest first."""
    page = await sims.list_stays(conn, scope, Iccid.named(iccid), after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [StayAnswer.model_validate(stay) for stay in page.items]
    return PageOf[StayAnswer](items=items, next=page.next_key)


@router.post("/{iccid}/installation", operation_id="install_sim", status_code=201)
async def install_sim(
    scope: Annotated[Scope, Creates(Right.SIMS_INSTALL)],
    conn: Transaction,
    iccid: str,
    body: InstallationBody,
) -> InstallationAnswer:
    """Put on record that a SIM is in a terminal; one of the stock then belongs to its owner."""
    named = Iccid.named(iccid)
    installed = await sims.install(conn, scope, named, body.terminal, at=body.at)
    since = installed.valid_from
    return InstallationAnswer(iccid=str(named), terminal=body.terminal, since=since)


@router.delete("/{iccid}/installation", operation_id="remove_sim", status_code=204)
async def remove_sim(
    scope: Annotated[Scope, Needs(Right.SIMS_INSTALL)],
    conn: Transaction,
    iccid: str,
    at: Annotated[Instant | None, Query(description="Now, unless said.")] = None,
) -> None:
    """Put on record that a SIM is in no terminal."""
    await sims.remove(conn, scope, Iccid.named(iccid), at=at)


async def _detail(conn: Connection, scope: Scope, sim: Sim) -> SimDetailAnswer:
    odd = await sims.oddities(conn, scope, sim)
    return SimDetailAnswer.of(sim, odd, sims.moves_of(scope, sim))


def _takes_foreign(request: Request) -> bool:
    return bool(request.app.state.settings.foreign_sims == "warn")
