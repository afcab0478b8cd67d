"""`/api/v1/terminals/{code}/...`: its moves, hardware, SIMs, names and gateway, with history."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from api.dependencies import Creates, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.lives import (
    GatewayAnswer,
    GatewayBody,
    HardwareAnswer,
    HardwareBody,
    MoveAnswer,
    PlacedSimAnswer,
    PlacedSimBody,
    WireNameAnswer,
    WireNameBody,
)
from api.schemas.shapes import PageOf
from api.schemas.terminals import TerminalAnswer
from api.strict import StrictRoute
from registry import gateways, moves, parts, wire_names
from registry.identifiers import Iccid, Imei, WireName
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/terminals/{code}", tags=["terminals"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.TERMINALS_READ)]
Changer = Annotated[Scope, Creates(Right.TERMINALS_CHANGE)]


@router.get("/moves", operation_id="list_moves")
async def list_moves(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[MoveAnswer]:
    """One page of the moves of a terminal's life: who, from where to where, why, newest first."""
    page = await moves.list_of(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[MoveAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/hardware", operation_id="list_hardware")
async def list_hardware(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[HardwareAnswer]:
    """One page of the hardware that a terminal was, newest first."""
    page = await parts.list_hardware(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[HardwareAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("/hardware", operation_id="replace_hardware", status_code=201)
async def replace_hardware(
    scope: Changer, conn: Transaction, code: str, body: HardwareBody
) -> HardwareAnswer:
    """Put on record that a terminal is other hardware; identity and history stay."""
    imei = None if body.imei is None else Imei.parse(body.imei)
    replaced = await parts.replace_hardware(conn, scope, code, imei, at=body.at)
    return HardwareAnswer.model_validate(replaced)


@router.get("/installations", operation_id="list_installations")
async def list_installations(
    scope: Annotated[Scope, Needs(Right.SIMS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[PlacedSimAnswer]:
    """One page of the SIMs that were in a terminal, newest first."""
    page = await parts.list_sims(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[PlacedSimAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("/installations", operation_id="replace_sim", status_code=201)
async def replace_sim(
    scope: Annotated[Scope, Creates(Right.SIMS_INSTALL)],
    conn: Transaction,
    code: str,
    body: PlacedSimBody,
) -> PlacedSimAnswer:
    """Put on record that another SIM is in a terminal; identity and history stay."""
    iccid = None if body.iccid is None else Iccid.parse(body.iccid)
    replaced = await parts.replace_sim(conn, scope, code, iccid, at=body.at)
    return PlacedSimAnswer.model_validate(replaced)


@router.get("/wire-names", operation_id="list_wire_names")
async def list_wire_names(scope: Reader, conn: Transaction, code: str) -> PageOf[WireNameAnswer]:
    """The names by which a terminal is known in protocols; they fit on one page."""
    names = await wire_names.list_of(conn, scope, code)
    return PageOf[WireNameAnswer](items=[WireNameAnswer.of(name) for name in names], next=None)


@router.post("/wire-names", operation_id="give_wire_name", status_code=201)
async def give_wire_name(
    scope: Changer, conn: Transaction, code: str, body: WireNameBody
) -> WireNameAnswer:
    """Let a terminal be known by a name, which nobody else behind its gateway may have."""
    name = WireName.of(body.kind, body.value)
    return WireNameAnswer.of(await wire_names.give(conn, scope, code, name))


@router.delete("/wire-names/{name}", operation_id="take_wire_name_away", status_code=204)
async def take_wire_name_away(
    scope: Annotated[Scope, Needs(Right.TERMINALS_CHANGE)], conn: Transaction, code: str, name: str
) -> None:
    """Let a terminal not be known by a name (`kind:value`) any more."""
    await wire_names.take_away(conn, scope, code, WireName.parse(name))


@router.get("/gateways", operation_id="list_gateways")
async def list_gateways(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[GatewayAnswer]:
    """One page of the gateways that a terminal was behind, newest first."""
    page = await gateways.list_of(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[GatewayAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("/gateways", operation_id="put_behind_gateway", status_code=201)
async def put_behind_gateway(
    scope: Changer, conn: Transaction, code: str, body: GatewayBody
) -> GatewayAnswer:
    """Let a terminal speak through a gateway, or for itself; its names go along."""
    put = await gateways.put_behind(conn, scope, code, body.gateway, at=body.at)
    return GatewayAnswer.model_validate(put)


@router.get("/behind", operation_id="list_behind_gateway")
async def list_behind_gateway(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[TerminalAnswer]:
    """One page of the terminals in scope that are behind a gateway now."""
    page = await gateways.list_behind(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[TerminalAnswer].model_validate({"items": page.items, "next": page.next_key})
