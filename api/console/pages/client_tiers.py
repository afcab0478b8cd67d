"""The tier and package of a client: what they are and were, and the forms that change them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Path
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import AT, PAGE_ROWS, ZONE, Screen, Shows, instant_given
from api.problems import Problem
from foundation.errors import Invalid, NotFound, Refused
from registry import client_packages, client_tiers, group_clients, packages, tiers
from registry.file_model import TRIAL_WARNING, TierTerms
from registry.model import GroupClient
from registry.package_model import ClientPackage, PackageState
from registry.scope import Right

router = APIRouter(prefix="/group-clients/{code}")

Reading = Annotated[Screen, Shows(Right.PACKAGES_READ)]
Assigning = Annotated[Screen, Shows(Right.TIERS_ASSIGN)]
Word = Annotated[str, Form(max_length=64)]
At = Annotated[str, Form(pattern=AT)]
Zone = Annotated[str, Form(pattern=ZONE)]


@dataclass(frozen=True, slots=True)
class Shown:
    """The tier of a client, and its packages for who reads them, newest first."""

    tier: TierTerms
    packages: Sequence[ClientPackage]
    warn_of_trial_before: datetime | None

    @property
    def present(self) -> ClientPackage | None:
        """The package that is in force."""
        return next((one for one in self.packages if one.state is PackageState.IN_FORCE), None)


async def shown(screen: Screen, client: GroupClient) -> Shown:
    """What a client's page shows of its tier."""
    listed: Sequence[ClientPackage] = ()
    if screen.may(Right.PACKAGES_READ):
        page = await client_packages.list_page(
            screen.conn, screen.scope, client.code, limit=PAGE_ROWS
        )
        listed = page.items
    return Shown(
        await tiers.find(screen.conn, screen.scope, client.tier_code),
        listed,
        client.tier_until and client.tier_until - TRIAL_WARNING,
    )


@router.get("/tier")
async def show_forms(screen: Reading, code: str) -> Response:
    """The tier and the packages with the forms that change them."""
    return await _page(screen, code, None)


@router.post("/tier")
async def put_on(
    screen: Assigning, code: str, tier: Word, at: At = "", zone: Zone = "Z"
) -> Response:
    """Another tier, or another end of the trial of this one."""

    async def act() -> None:
        until = instant_given(at, zone)
        await client_tiers.put_on(screen.conn, screen.scope, code, tier, until=until)

    return await _done(screen, code, act)


@router.post("/packages")
async def apply(
    screen: Assigning,
    code: str,
    package: Word,
    at: At = "",
    zone: Zone = "Z",
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """A package, from now on or from a time to come."""

    async def act() -> None:
        begin = instant_given(at, zone)
        await client_packages.apply(
            screen.conn, screen.scope, code, package, valid_from=begin, note=note
        )

    return await _done(screen, code, act)


@router.post("/packages/{number}/undoing")
async def undo(
    screen: Assigning, code: str, number: Annotated[int, Path(ge=1, lt=2**63)]
) -> Response:
    """Without that package: what was before it, or what is instead of a plan."""

    async def act() -> None:
        await client_packages.undo(screen.conn, screen.scope, code, number)

    return await _done(screen, code, act)


async def _done(screen: Screen, code: str, act: Callable[[], Awaitable[None]]) -> Response:
    """The page again after the act, or with what is wrong."""
    try:
        async with screen.attempt():
            await act()
    except (Invalid, Refused, NotFound) as error:
        return await _page(screen, code, problems.of_error(error))
    return RedirectResponse(f"/group-clients/{code}/tier", 303)


async def _page(screen: Screen, code: str, problem: Problem | None) -> Response:
    client = await group_clients.find(screen.conn, screen.scope, code)
    return screen.show(
        "client_tier.html",
        status=problem.status if problem else 200,
        problem=problem,
        client=client,
        serving=await shown(screen, client),
        tiers=await tiers.list_all(screen.conn, screen.scope),
        offered=await packages.list_all(screen.conn, screen.scope),
        may_assign=screen.may(Right.TIERS_ASSIGN),
    )
