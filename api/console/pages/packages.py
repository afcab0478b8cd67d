"""Packages: which there are, and the forms by which the headquarters define them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import Screen, Shows
from api.problems import Problem
from foundation.errors import Invalid, NotFound, Refused
from registry import packages, profiles, tiers
from registry.package_model import Package
from registry.scope import Right

router = APIRouter(prefix="/packages")

Reading = Annotated[Screen, Shows(Right.PACKAGES_READ)]
Defining = Annotated[Screen, Shows(Right.PACKAGES_DEFINE)]
Line = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True, slots=True)
class Given:
    """The form; the profiles are codes parted by blanks or commas."""

    title_zh: Line = ""
    title_en: Line = ""
    tier: Line = ""
    profiles: Annotated[str, Form(max_length=4000)] = ""

    @property
    def terms(self) -> packages.Change:
        """What the form says, profiles in its order."""
        return {
            "title_zh": self.title_zh.strip(),
            "title_en": self.title_en.strip(),
            "tier": self.tier,
            "profiles": self.profiles.replace(",", " ").replace("，", " ").split(),
        }

    @classmethod
    def of(cls, package: Package) -> "Given":
        """The form as a package is."""
        return cls(
            package.title_zh,
            package.title_en,
            package.tier_code,
            " ".join(package.profiles),
        )


@router.get("")
async def list_packages(screen: Reading) -> Response:
    """Every package, the retired ones too, and the form of a new one."""
    return await _list(screen, Given(), None)


@router.post("")
async def define(screen: Defining, given: Annotated[Given, Depends()], code: Line = "") -> Response:
    """A new package, or the form again with what is wrong."""
    problem = await _refused(
        screen,
        lambda: packages.define(screen.conn, screen.scope, code=code.strip(), **given.terms),
    )
    if problem is not None:
        return await _list(screen, given, problem, code)
    return RedirectResponse("/packages", 303)


@router.get("/{code}")
async def package(screen: Reading, code: str) -> Response:
    """One package with the form that changes it."""
    return await _one(screen, code, None, None)


@router.post("/{code}")
async def change(screen: Defining, code: str, given: Annotated[Given, Depends()]) -> Response:
    """A package as the form says, or the form again with what is wrong."""
    problem = await _refused(
        screen, lambda: packages.change(screen.conn, screen.scope, code, **given.terms)
    )
    if problem is not None:
        return await _one(screen, code, given, problem)
    return RedirectResponse("/packages", 303)


@router.post("/{code}/retirement")
async def retire(screen: Defining, code: str) -> Response:
    """Give it to nobody any more."""
    problem = await _refused(screen, lambda: packages.retire(screen.conn, screen.scope, code))
    if problem is not None:
        return await _one(screen, code, None, problem)
    return RedirectResponse("/packages", 303)


async def _refused(screen: Screen, act: Callable[[], Awaitable[object]]) -> Problem | None:
    try:
        async with screen.attempt():
            await act()
    except (Invalid, Refused, NotFound) as error:
        return problems.of_error(error)
    return None


async def _list(screen: Screen, given: Given, problem: Problem | None, code: str = "") -> Response:
    listed = await packages.list_all(screen.conn, screen.scope, retired=True)
    return await _show(screen, "packages.html", given, problem, packages=listed, code=code)


async def _one(screen: Screen, code: str, given: Given | None, problem: Problem | None) -> Response:
    found = await packages.find(screen.conn, screen.scope, code)
    return await _show(screen, "package.html", given or Given.of(found), problem, package=found)


async def _show(
    screen: Screen, template: str, given: Given, problem: Problem | None, **more: object
) -> Response:
    listed = await profiles.list_all(screen.conn, screen.scope)
    return screen.show(
        template,
        status=problem.status if problem else 200,
        problem=problem,
        given=given,
        may_define=screen.may(Right.PACKAGES_DEFINE),
        tiers={tier.code: tier for tier in await tiers.list_all(screen.conn, screen.scope)},
        profiles={profile.code: profile for profile in listed},
        **more,
    )
