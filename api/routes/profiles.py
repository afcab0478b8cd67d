"""`/api/v1/profiles`: each profile is a table, made as it is defined."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.schemas.profiles import (
    EXAMPLE,
    EXAMPLE_METRIC,
    ProfileAnswer,
    ProfileChange,
    ProfilesAnswer,
)
from api.strict import StrictRoute
from registry import profile_document, profiles
from registry.scope import Right, Scope

router = APIRouter(prefix="/api/v1/profiles", tags=["profiles"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.PROFILES_READ)]
Definer = Annotated[Scope, Creates(Right.PROFILES_DEFINE)]


@router.get("", operation_id="list_profiles")
async def list_profiles(scope: Reader, conn: Transaction) -> ProfilesAnswer:
    """Every device profile, by code."""
    return ProfilesAnswer.model_validate({"items": await profiles.list_all(conn, scope)})


@router.get("/{code}", operation_id="find_profile")
async def find_profile(
    scope: Reader, conn: Transaction, response: Response, code: str
) -> ProfileAnswer:
    """One device profile by its code; the ETag is its version."""
    profile = await profiles.find(conn, scope, code)
    return ProfileAnswer.model_validate(etags.tag(response, profile))


@router.post("", operation_id="define_profile", status_code=201)
async def define_profile(
    scope: Definer,
    conn: Transaction,
    response: Response,
    document: Annotated[dict[str, Any], Body(examples=[EXAMPLE])],
) -> ProfileAnswer:
    """Define a profile and make its table; terminals of it are understood within a second."""
    profile = await profiles.define(conn, scope, profile_document.parse(document))
    response.headers["Location"] = f"/api/v1/profiles/{profile.code}"
    return ProfileAnswer.model_validate(etags.tag(response, profile))


@router.patch("/{code}", operation_id="change_profile")
async def change_profile(
    scope: Annotated[Scope, Needs(Right.PROFILES_DEFINE)],
    conn: Transaction,
    response: Response,
    code: str,
    body: ProfileChange,
    if_match: IfMatch,
) -> ProfileAnswer:
    """Keep what it measures for another time; what is over then is dropped within minutes."""
    await if_match.before(profiles.find, conn, scope, code)
    changed = await profiles.change(conn, scope, code, **body.model_dump(exclude_unset=True))
    return ProfileAnswer.model_validate(if_match.after(response, changed))


@router.post("/{code}/metrics", operation_id="add_metric", status_code=201)
async def add_metric(
    scope: Definer,
    conn: Transaction,
    response: Response,
    code: str,
    document: Annotated[dict[str, Any], Body(examples=[EXAMPLE_METRIC])],
    if_match: IfMatch,
) -> ProfileAnswer:
    """Give a profile one more metric, live; readings stored before lack it."""
    metric = profile_document.parse_metric(document)
    await if_match.before(profiles.find, conn, scope, code)
    profile = await profiles.add_metric(conn, scope, code, metric)
    return ProfileAnswer.model_validate(if_match.after(response, profile))
