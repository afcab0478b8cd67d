"""Collections: sets of terminals by hand or by query, and what is in them."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import Screen, Shows
from api.console.pages.sheets import page_or_file
from api.problems import Problem
from api.schemas.collections import CollectionAnswer
from api.schemas.terminals import TerminalAnswer
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry import collections, profiles, regions
from registry.model import Region, RegionCode, RegionLevel, Sector, TerminalState
from registry.scope import Right

router = APIRouter(prefix="/collections")

OnScreen = Annotated[Screen, Shows(Right.COLLECTIONS_READ)]
Changing = Annotated[Screen, Shows(Right.COLLECTIONS_CHANGE)]
Number = Annotated[int, Path(alias="collection", ge=1, le=2**31 - 1)]
After = Annotated[str, Query(max_length=256)]
Field = Annotated[str, Form(max_length=100)]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)


@dataclass(frozen=True, slots=True)
class Given:
    """The form of a collection; an empty field of its query asks for nothing."""

    name: Field = ""
    owner: Field = ""
    by: Annotated[str, Form(pattern="^(hand|query)$")] = "hand"
    client: Field = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    state: Field = ""
    profile: Field = ""
    sector: Field = ""
    tag: Field = ""
    prefix: Field = ""

    @property
    def query(self) -> collections.Query | None:
        """What is looked for; None is by hand."""
        if self.by == "hand":
            return None
        return collections.Query(
            group_client=self.client.strip() or None,
            region=RegionCode(int(self.region)) if self.region else None,
            state=TerminalState(self.state) if self.state in set(TerminalState) else None,
            profile=self.profile or None,
            sector=Sector(self.sector) if self.sector in set(Sector) else None,
            tag=self.tag.strip() or None,
            prefix=self.prefix.strip() or None,
        )


@router.get("")
async def list_collections(screen: OnScreen, after: After = "") -> Response:
    """One page of the collections in scope, by number."""
    page = await page_or_file(screen, "collections", CollectionAnswer, collections.list_page, after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "collections.html",
        page=page,
        after=after,
        regions=await _regions(screen),
        may_change=screen.may(Right.COLLECTIONS_CHANGE),
    )


@router.get("/new")
async def show_form(screen: Changing) -> Response:
    """The form of a new collection."""
    return await _form(screen, Given(), None)


@router.post("/new")
async def create(screen: Changing, given: Annotated[Given, Depends()]) -> Response:
    """A new collection, or the form again with what is wrong."""
    try:
        async with screen.attempt():
            created = await collections.create(
                screen.conn,
                screen.scope,
                name=given.name.strip(),
                group_client=given.owner.strip() or None,
                query=given.query,
            )
    except _REFUSALS as error:
        return await _form(screen, given, problems.of_error(error))
    return RedirectResponse(f"/collections/{created.id}", 303)


@router.get("/{collection}")
async def show_collection(screen: OnScreen, number: Number, after: After = "") -> Response:
    """One collection and a page of what is in it."""
    return await _page(screen, number, after, None)


@router.post("/{collection}/name")
async def rename(screen: Changing, number: Number, name: Field = "") -> Response:
    """Another name."""
    try:
        async with screen.attempt():
            await collections.change(screen.conn, screen.scope, number, name=name.strip())
    except _REFUSALS as error:
        return await _page(screen, number, "", problems.of_error(error))
    return RedirectResponse(f"/collections/{number}", 303)


@router.post("/{collection}/members")
async def alter_members(
    screen: Changing,
    number: Number,
    codes: Annotated[str, Form(max_length=70_000)] = "",
    remove: Annotated[bool, Form()] = False,
) -> Response:
    """Put terminals in, or take them out: codes parted by blanks, commas or lines."""
    listed = codes.replace(",", " ").replace("，", " ").split()
    try:
        async with screen.attempt():
            await collections.alter_members(
                screen.conn,
                screen.scope,
                number,
                add=() if remove else listed,
                remove=listed if remove else (),
            )
    except _REFUSALS as error:
        return await _page(screen, number, "", problems.of_error(error))
    return RedirectResponse(f"/collections/{number}", 303)


@router.post("/{collection}/deletion")
async def delete(screen: Changing, number: Number) -> Response:
    """Take a collection apart."""
    await collections.delete(screen.conn, screen.scope, number)
    return RedirectResponse("/collections", 303)


async def _page(screen: Screen, number: int, after: str, problem: Problem | None) -> Response:
    conn, scope = screen.conn, screen.scope
    read = partial(collections.list_members, collection=number)
    page = await page_or_file(screen, f"collection-{number}", TerminalAnswer, read, after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "collection.html",
        status=problem.status if problem else 200,
        problem=problem,
        collection=await collections.find(conn, scope, number),
        page=page,
        after=after,
        regions=await _regions(screen),
        may_change=screen.may(Right.COLLECTIONS_CHANGE),
    )


async def _form(screen: Screen, given: Given, problem: Problem | None) -> Response:
    tree = await _regions(screen)
    return screen.show(
        "collection_new.html",
        status=problem.status if problem else 200,
        problem=problem,
        given=given,
        profiles=await profiles.list_all(screen.conn, screen.scope),
        regions=[region for region in tree.values() if region.level is not RegionLevel.CITY],
    )


async def _regions(screen: Screen) -> dict[int, Region]:
    return {region.code: region for region in await regions.list_all(screen.conn, screen.scope)}
