"""How a terminal gets in: its password's standing, its certificates, and the end of both."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console import certificate_words
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.problems import Problem
from foundation.certificates import days as span
from foundation.errors import Invalid, Refused
from registry import certificates, credentials, terminals
from registry.authority import DEFAULT_DAYS, LONGEST_REQUEST, MOST_DAYS, Authority
from registry.certificates import RevocationReason
from registry.scope import Right

router = APIRouter()


@router.get("/terminals/{code}/access")
async def show(
    screen: Annotated[Screen, Shows(Right.TERMINALS_READ)], code: str, after: str | None = None
) -> Response:
    """A terminal's password and certificates."""
    return await _page(screen, code, after=after)


@router.post("/terminals/{code}/certificates")
async def issue(
    screen: Annotated[Screen, Shows(Right.CREDENTIALS_ISSUE)],
    code: str,
    csr: Annotated[str, Form(max_length=LONGEST_REQUEST)] = "",
    days: Annotated[int, Form(ge=1, le=MOST_DAYS)] = DEFAULT_DAYS,
) -> Response:
    """The certificate for a terminal's request, or the page again with what is wrong."""
    try:
        async with screen.attempt():
            terminal = await terminals.find(screen.conn, screen.scope, code)
            authority = Authority.load(screen.request.app.state.settings.terminal_ca)
            issued = authority.sign(csr, code, now=datetime.now(UTC), lasting=span(days))
            await certificates.record(screen.conn, screen.scope, code, issued.draft)
    except (Invalid, Refused) as error:
        return await _page(screen, code, csr=csr, days=days, problem=problems.of_error(error))
    return screen.show("certificate.html", terminal=terminal, issued=issued)


@router.post("/terminals/{code}/certificates/{serial}/revocation")
async def revoke(
    screen: Annotated[Screen, Shows(Right.CREDENTIALS_REVOKE)],
    code: str,
    serial: str,
    reason: Annotated[RevocationReason, Form()] = RevocationReason.UNSPECIFIED,
) -> Response:
    """Take a certificate out of force; who uses it is cut off within seconds."""
    await certificates.revoke(screen.conn, screen.scope, code, serial, reason)
    return RedirectResponse(f"/terminals/{code}/access", 303)


@router.post("/terminals/{code}/cut-off")
async def cut_off(
    screen: Annotated[Screen, Shows(Right.CREDENTIALS_REVOKE)], code: str
) -> Response:
    """Take password and certificates out of force."""
    await credentials.cut_off(screen.conn, screen.scope, code)
    return RedirectResponse(f"/terminals/{code}/access", 303)


async def _page(
    screen: Screen,
    code: str,
    *,
    after: str | None = None,
    csr: str = "",
    days: int = DEFAULT_DAYS,
    problem: Problem | None = None,
) -> Response:
    terminal = await terminals.find(screen.conn, screen.scope, code)
    return screen.show(
        "access.html",
        status=problem.status if problem else 200,
        terminal=terminal,
        password=await credentials.find(screen.conn, screen.scope, code),
        listed=await certificates.list_of(
            screen.conn, screen.scope, code, after=after, limit=PAGE_ROWS
        ),
        after=after,
        certificate_words=certificate_words,
        may_issue=screen.may(Right.CREDENTIALS_ISSUE),
        may_revoke=screen.may(Right.CREDENTIALS_REVOKE),
        csr=csr,
        days=days,
        most_days=MOST_DAYS,
        problem=problem,
    )
