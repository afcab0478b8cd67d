"""`/api/v1/terminals/{code}/certificates`: signed from a terminal's own request, and revoked."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import Creates, Needs, Transaction
from api.paging import After, Limit, link_next
from api.schemas.certificates import (
    CertificateAnswer,
    CertificateBody,
    CertificateStandingAnswer,
    SignedAnswer,
)
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from foundation.certificates import days
from registry import certificates, credentials, terminals
from registry.authority import Authority
from registry.certificates import RevocationReason
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/terminals", tags=["terminals"], route_class=StrictRoute)


@router.get("/{code}/credential", operation_id="find_credential")
async def find_credential(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)], conn: Transaction, code: str
) -> CertificateStandingAnswer:
    """Since when a terminal's password is in force; the password itself is never shown again."""
    return CertificateStandingAnswer.model_validate(await credentials.find(conn, scope, code))


@router.get("/{code}/certificates", operation_id="list_certificates")
async def list_certificates(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[CertificateAnswer]:
    """One page of a terminal's certificates, in force and not, the newest first."""
    await terminals.find(conn, scope, code)
    page = await certificates.list_of(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [CertificateAnswer.model_validate(one) for one in page.items]
    return PageOf[CertificateAnswer](items=items, next=page.next_key)


@router.post("/{code}/certificates", operation_id="issue_certificate", status_code=201)
async def issue_certificate(
    scope: Annotated[Scope, Creates(Right.CREDENTIALS_ISSUE)],
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    body: CertificateBody,
) -> SignedAnswer:
    """Sign a terminal's request; its key never leaves it. Earlier certificates stay in force."""
    await terminals.find(conn, scope, code)
    authority = Authority.load(request.app.state.settings.terminal_ca)
    issued = authority.sign(body.csr, code, now=datetime.now(UTC), lasting=days(body.days))
    await certificates.record(conn, scope, code, issued.draft)
    found = await certificates.find(conn, scope, code, issued.draft.serial)
    response.headers["Location"] = f"/api/v1/terminals/{code}/certificates/{found.serial}"
    return SignedAnswer(
        certificate=CertificateAnswer.model_validate(found),
        pem=issued.pem,
        authority_pem=issued.authority_pem,
    )


@router.get("/{code}/certificates/{serial}", operation_id="find_certificate")
async def find_certificate(
    scope: Annotated[Scope, Needs(Right.TERMINALS_READ)],
    conn: Transaction,
    code: str,
    serial: str,
) -> CertificateAnswer:
    """One certificate of a terminal."""
    return CertificateAnswer.model_validate(await certificates.find(conn, scope, code, serial))


@router.delete("/{code}/certificates/{serial}", operation_id="revoke_certificate", status_code=204)
async def revoke_certificate(
    scope: Annotated[Scope, Needs(Right.CREDENTIALS_REVOKE)],
    conn: Transaction,
    code: str,
    serial: str,
    reason: Annotated[
        RevocationReason, Query(description="In the words of RFC 5280.")
    ] = RevocationReason.UNSPECIFIED,
) -> None:
    """Take one certificate out of force for good; who uses it is cut off within 5 seconds."""
    await certificates.revoke(conn, scope, code, serial, reason)
