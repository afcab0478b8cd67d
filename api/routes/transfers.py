"""`/api/v1/transfers`: terminals that go from one owner to another, by consent of both."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.shapes import PageOf
from api.schemas.transfers import (
    ConsentBody,
    CredentialsAnswer,
    TransferAnswer,
    TransferBody,
    TransferTerminalAnswer,
    WholeTransferAnswer,
    WithdrawalBody,
)
from api.strict import StrictRoute
from registry import transfers
from registry.scope import Right, Scope
from registry.transfer_model import TransferId, TransferState

router = APIRouter(prefix="/api/v1/transfers", tags=["transfers"], route_class=StrictRoute)

Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("", operation_id="list_transfers")
async def list_transfers(
    scope: Annotated[Scope, Needs(Right.TRANSFERS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    state: TransferState | None = None,
    terminal: Annotated[str | None, Query(max_length=64, description="Its code.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[TransferAnswer]:
    """One page of the transfers of your clients, newest first."""
    states = () if state is None else (state,)
    page = await transfers.list_page(
        conn, scope, states=states, terminal=terminal, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    return PageOf[TransferAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("", operation_id="propose_transfer", status_code=201)
async def propose_transfer(
    scope: Annotated[Scope, Creates(Right.TRANSFERS_SIGN)],
    conn: Transaction,
    response: Response,
    body: TransferBody,
) -> TransferAnswer:
    """Propose that terminals go to another owner; whether there is one of that code is not told."""
    proposed = await transfers.propose(conn, scope, body.offer())
    response.headers["Location"] = f"/api/v1/transfers/{proposed.id}"
    return TransferAnswer.model_validate(etags.tag(response, proposed))


@router.get("/{transfer}", operation_id="find_transfer")
async def find_transfer(
    scope: Annotated[Scope, Needs(Right.TRANSFERS_READ)],
    conn: Transaction,
    response: Response,
    transfer: Number,
) -> WholeTransferAnswer:
    """One transfer with what was done of it; the ETag is its version."""
    found = await transfers.find(conn, scope, TransferId(transfer))
    steps = await transfers.list_steps(conn, scope, TransferId(transfer))
    return WholeTransferAnswer.of(etags.tag(response, found), steps)


@router.get("/{transfer}/terminals", operation_id="list_transfer_terminals")
async def list_transfer_terminals(
    scope: Annotated[Scope, Needs(Right.TRANSFERS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    transfer: Number,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[TransferTerminalAnswer]:
    """One page of the terminals of a transfer, by code."""
    page = await transfers.list_terminals(
        conn, scope, TransferId(transfer), after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    given = {"items": page.items, "next": page.next_key}
    return PageOf[TransferTerminalAnswer].model_validate(given)


@router.post("/{transfer}/consent", operation_id="agree_to_transfer")
async def agree_to_transfer(
    scope: Annotated[Scope, Needs(Right.TRANSFERS_SIGN)],
    conn: Transaction,
    response: Response,
    transfer: Number,
    body: ConsentBody,
    if_match: IfMatch,
) -> TransferAnswer:
    """Agree for your side; with the second side's consent it is carried out at its time."""
    await if_match.before(transfers.find, conn, scope, TransferId(transfer))
    agreed = await transfers.agree(
        conn, scope, TransferId(transfer), side=body.side, evidence=body.evidence
    )
    return TransferAnswer.model_validate(if_match.after(response, agreed))


@router.post("/{transfer}/withdrawal", operation_id="withdraw_transfer")
async def withdraw_transfer(
    scope: Annotated[Scope, Needs(Right.TRANSFERS_SIGN)],
    conn: Transaction,
    response: Response,
    transfer: Number,
    body: WithdrawalBody,
    if_match: IfMatch,
) -> TransferAnswer:
    """End it before it is carried out: who proposed it cancels, a side that was asked refuses."""
    await if_match.before(transfers.find, conn, scope, TransferId(transfer))
    ended = await transfers.withdraw(conn, scope, TransferId(transfer), body.reason)
    return TransferAnswer.model_validate(if_match.after(response, ended))


@router.post("/{transfer}/credentials", operation_id="hand_out_credentials", status_code=201)
async def hand_out_credentials(
    scope: Annotated[Scope, Creates(Right.CREDENTIALS_ISSUE)],
    conn: Transaction,
    transfer: Number,
) -> CredentialsAnswer:
    """New passwords of the terminals that you got, once; the former ones are cut off already."""
    issued = await transfers.hand_out(conn, scope, TransferId(transfer))
    return CredentialsAnswer.model_validate({"items": issued})
