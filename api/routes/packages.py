"""`/api/v1/packages` and `/api/v1/group-clients/{code}/packages`: what clients have as one."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.packages import (
    ClientPackageAnswer,
    ClientPackageBody,
    PackageAnswer,
    PackageBody,
    PackageChange,
    PackagesAnswer,
)
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry import client_packages, group_clients, packages
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1", tags=["packages"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.PACKAGES_READ)]
Definer = Annotated[Scope, Needs(Right.PACKAGES_DEFINE)]
Giver = Annotated[Scope, Creates(Right.TIERS_ASSIGN)]
Number = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("/packages", operation_id="list_packages")
async def list_packages(
    scope: Reader,
    conn: Transaction,
    retired: Annotated[bool, Query(description="Also what is given to nobody any more.")] = False,
) -> PackagesAnswer:
    """The packages, by code."""
    return PackagesAnswer.of(await packages.list_all(conn, scope, retired=retired))


@router.get("/packages/{code}", operation_id="find_package")
async def find_package(
    scope: Reader, conn: Transaction, response: Response, code: str
) -> PackageAnswer:
    """One package by its code; the ETag is its version."""
    found = await packages.find(conn, scope, code)
    return PackageAnswer.model_validate(etags.tag(response, found))


@router.post("/packages", operation_id="define_package", status_code=201)
async def define_package(
    scope: Annotated[Scope, Creates(Right.PACKAGES_DEFINE)],
    conn: Transaction,
    response: Response,
    body: PackageBody,
) -> PackageAnswer:
    """Make a package of a tier and profiles."""
    package = await packages.define(conn, scope, **body.model_dump())
    response.headers["Location"] = f"/api/v1/packages/{package.code}"
    return PackageAnswer.model_validate(etags.tag(response, package))


@router.patch("/packages/{code}", operation_id="change_package")
async def change_package(
    scope: Definer,
    conn: Transaction,
    response: Response,
    code: str,
    body: PackageChange,
    if_match: IfMatch,
) -> PackageAnswer:
    """Let it be otherwise: its profiles for all who have it, its tier for who gets it from now."""
    await if_match.before(packages.find, conn, scope, code)
    changed = await packages.change(conn, scope, code, **body.model_dump(exclude_unset=True))
    return PackageAnswer.model_validate(if_match.after(response, changed))


@router.delete("/packages/{code}", operation_id="retire_package")
async def retire_package(
    scope: Definer, conn: Transaction, response: Response, code: str, if_match: IfMatch
) -> PackageAnswer:
    """Give it to nobody any more, for good; who has it keeps it."""
    await if_match.before(packages.find, conn, scope, code)
    retired = await packages.retire(conn, scope, code)
    return PackageAnswer.model_validate(if_match.after(response, retired))


@router.get("/group-clients/{code}/packages", operation_id="list_client_packages")
async def list_client_packages(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    code: str,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[ClientPackageAnswer]:
    """One page of what packages a client had, has and is to have, newest first."""
    page = await client_packages.list_page(conn, scope, code, after=after, limit=limit)
    link_next(request, response, page.next_key)
    return PageOf[ClientPackageAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.post("/group-clients/{code}/packages", operation_id="apply_package", status_code=201)
async def apply_package(
    scope: Giver,
    conn: Transaction,
    response: Response,
    code: str,
    body: ClientPackageBody,
    if_match: IfMatch,
) -> ClientPackageAnswer:
    """Give a client a package in one step, in effect from now on or from a time to come."""
    await if_match.before(group_clients.find, conn, scope, code)
    given = await client_packages.apply(
        conn, scope, code, body.package, valid_from=body.valid_from, note=body.note
    )
    return ClientPackageAnswer.model_validate(if_match.after(response, given))


@router.post("/group-clients/{code}/packages/{number}/undoing", operation_id="undo_package")
async def undo_package(
    scope: Annotated[Scope, Needs(Right.TIERS_ASSIGN)],
    conn: Transaction,
    response: Response,
    code: str,
    number: Number,
    if_match: IfMatch,
) -> ClientPackageAnswer:
    """Call off what is planned, or go back to the tier and package before what is in force."""
    await if_match.before(group_clients.find, conn, scope, code)
    undone = await client_packages.undo(conn, scope, code, number)
    return ClientPackageAnswer.model_validate(if_match.after(response, undone))
