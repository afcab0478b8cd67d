"""Transfers: who gives which terminals to whom, what waits for consent, and the new passwords."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query
from starlette.responses import RedirectResponse, Response

from api import problems, spreadsheets
from api.console import dealings
from api.console.pages.screen import AT, ZONE, Screen, Shows, instant_given
from api.console.pages.sheets import page_or_file
from api.problems import Problem
from api.schemas.transfers import TransferAnswer, TransferTerminalAnswer
from foundation.errors import Invalid, NotFound, Refused
from registry import transfers
from registry.scope import Right
from registry.transfer_model import OPEN, Offer, Side, TransferId, TransferState

router = APIRouter(prefix="/transfers")

OnScreen = Annotated[Screen, Shows(Right.TRANSFERS_READ)]
Signing = Annotated[Screen, Shows(Right.TRANSFERS_SIGN)]
Number = Annotated[int, Path(ge=1, lt=2**31)]

_REFUSALS = (Invalid, Refused, NotFound)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; at first what is still open."""

    state: Annotated[str, Query(pattern="^[a-z]{0,16}$")] = "open"
    terminal: Annotated[str, Query(max_length=64)] = ""
    after: Annotated[str, Query(max_length=256)] = ""

    @property
    def any(self) -> bool:
        return bool(self.state != "open" or self.terminal)

    @property
    def states(self) -> tuple[TransferState, ...]:
        if self.state == "open":
            return OPEN
        return (TransferState(self.state),) if self.state in set(TransferState) else ()


@dataclass(frozen=True, slots=True)
class Given:
    """The form of a new transfer; `at` is in the reader's own `zone`, empty as soon as agreed."""

    terminals: Annotated[str, Form(max_length=70_000)] = ""
    to: Annotated[str, Form(max_length=64)] = ""
    at: Annotated[str, Form(pattern=AT)] = ""
    zone: Annotated[str, Form(pattern=ZONE)] = "Z"
    keep: Annotated[bool, Form()] = False
    message: Annotated[str, Form(max_length=500)] = ""
    giving_evidence: Annotated[str, Form(max_length=500)] = ""
    receiving_evidence: Annotated[str, Form(max_length=500)] = ""

    def offer(self) -> Offer:
        """What the form proposes."""
        said = {Side.GIVING: self.giving_evidence, Side.RECEIVING: self.receiving_evidence}
        return Offer(
            codes=[code for code in re.split(r"[\s,;]+", self.terminals) if code],
            to_client=self.to.strip() or None,
            effective_at=instant_given(self.at, self.zone),
            keep_description=self.keep,
            message=self.message.strip() or None,
            evidence={side: text.strip() for side, text in said.items() if text.strip()},
        )


@router.get("")
async def list_transfers(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of the transfers of one's clients, newest first."""
    read = partial(transfers.list_page, states=filters.states, terminal=filters.terminal or None)
    page = await page_or_file(screen, "transfers", TransferAnswer, read, filters.after)
    if isinstance(page, Response):
        return page
    is_operator = screen.may(Right.TERMINALS_TRANSFER)
    may_sign = screen.may(Right.TRANSFERS_SIGN)
    mine = {
        item.id
        for item in page.items
        if may_sign
        and item.state is TransferState.PROPOSED
        and any(dealings.speaks_for(p, is_operator=is_operator) for p in item.parties)
    }
    return screen.show(
        "transfers.html",
        filters=filters,
        rows=page.items,
        mine=mine,
        next_key=page.next_key,
        may_sign=may_sign,
        dealings=dealings,
    )


@router.get("/new")
async def show_form(
    screen: Signing, terminal: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """The form of a new transfer."""
    return _form(screen, Given(terminals=terminal), None)


@router.post("/new")
async def propose(screen: Signing, given: Annotated[Given, Depends()]) -> Response:
    """A new transfer, or the form again with what is wrong."""
    try:
        offer = given.offer()
        async with screen.attempt():
            proposed = await transfers.propose(screen.conn, screen.scope, offer)
    except _REFUSALS as error:
        return _form(screen, given, problems.of_error(error))
    return RedirectResponse(f"/transfers/{proposed.id}", 303)


def _form(screen: Screen, given: Given, problem: Problem | None) -> Response:
    return screen.show(
        "transfer_new.html",
        status=problem.status if problem else 200,
        given=given,
        problem=problem,
        is_operator=screen.may(Right.TERMINALS_TRANSFER),
        most_terminals=transfers.MOST_TERMINALS,
    )


@router.get("/{transfer}")
async def show_transfer(
    screen: OnScreen, transfer: Number, after: Annotated[str, Query(max_length=256)] = ""
) -> Response:
    """One transfer: what to do next, its sides, its terminals, what was done of it."""
    return await _page(screen, TransferId(transfer), after, None)


async def _page(
    screen: Screen, transfer_id: TransferId, after: str, problem: Problem | None
) -> Response:
    conn, scope = screen.conn, screen.scope
    found = await transfers.find(conn, scope, transfer_id)
    is_operator = screen.may(Right.TERMINALS_TRANSFER)
    may_sign = screen.may(Right.TRANSFERS_SIGN)
    to_agree = [
        party
        for party in found.parties
        if may_sign
        and found.state is TransferState.PROPOSED
        and dealings.speaks_for(party, is_operator=is_operator)
    ]
    receiver = found.receiving
    may_collect = (
        screen.may(Right.CREDENTIALS_ISSUE)
        and found.state is TransferState.EXECUTED
        and found.credentials_at is None
        and (is_operator if receiver.is_operator else receiver.is_seen)
    )
    read = partial(transfers.list_terminals, transfer_id=transfer_id)
    name = f"transfer-{transfer_id}"
    page = await page_or_file(screen, name, TransferTerminalAnswer, read, after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "transfer.html",
        status=problem.status if problem else 200,
        problem=problem,
        transfer=found,
        finding=dealings.finding_of(found, may_agree=bool(to_agree), may_collect=may_collect),
        to_agree=to_agree,
        needs_evidence=is_operator and any(not party.is_operator for party in to_agree),
        may_withdraw=may_sign and dealings.is_open(found),
        cancels=is_operator or (found.proposer_is_giving and found.giving.is_seen),
        may_collect=may_collect,
        terminals=page.items,
        next_key=page.next_key,
        first=not after,
        steps=await transfers.list_steps(conn, scope, transfer_id),
        dealings=dealings,
    )


@router.post("/{transfer}/consent")
async def agree(
    screen: Signing, transfer: Number, evidence: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Agree for one's own side, or with evidence for a client's."""
    try:
        async with screen.attempt():
            await transfers.agree(
                screen.conn, screen.scope, TransferId(transfer), evidence=evidence.strip() or None
            )
    except _REFUSALS as error:
        return await _page(screen, TransferId(transfer), "", problems.of_error(error))
    return RedirectResponse(f"/transfers/{transfer}", 303)


@router.post("/{transfer}/withdrawal")
async def withdraw(
    screen: Signing, transfer: Number, reason: Annotated[str, Form(max_length=500)]
) -> Response:
    """Cancel or refuse it."""
    try:
        async with screen.attempt():
            await transfers.withdraw(
                screen.conn, screen.scope, TransferId(transfer), reason.strip() or "-"
            )
    except _REFUSALS as error:
        return await _page(screen, TransferId(transfer), "", problems.of_error(error))
    return RedirectResponse(f"/transfers/{transfer}", 303)


@router.post("/{transfer}/credentials")
async def hand_out(
    screen: Annotated[Screen, Shows(Right.CREDENTIALS_ISSUE)], transfer: Number
) -> Response:
    """The new passwords of its terminals as a file, once."""
    issued = await transfers.hand_out(screen.conn, screen.scope, TransferId(transfer))
    return spreadsheets.response(
        f"transfer-{transfer}-passwords",
        ["username", "password"],
        [(new.username, new.password) for new in issued],
    )
