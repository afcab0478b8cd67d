"""Bindings: how many are violated and why, one SIM with its rule, requests for another hardware."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.console.pages.sheets import page_or_file
from api.problems import Problem
from api.schemas.bindings import BindingRequestAnswer, BoundSimAnswer
from foundation.errors import Invalid, Refused
from registry import binding_lists, binding_requests, bindings, group_clients, regions, sims
from registry.binding_errors import BindingTaken
from registry.binding_lists import Coverage, Search
from registry.binding_requests import RequestState
from registry.bindings import Binding, BindingAction, Mode, Rule, Verdict, Violation
from registry.errors import SimNotFound
from registry.identifiers import Iccid, Imei
from registry.model import RegionLevel
from registry.scope import Right

router = APIRouter(prefix="/bindings")

OnScreen = Annotated[Screen, Shows(Right.SIMS_READ)]
Setting = Annotated[Screen, Shows(Right.BINDINGS_SET)]
Requesting = Annotated[Screen, Shows(Right.BINDINGS_REQUEST)]
Approving = Annotated[Screen, Shows(Right.BINDINGS_APPROVE)]
Number = Annotated[int, Path(ge=1, lt=2**31)]
Cursor = Annotated[str, Query(max_length=256)]
Note = Annotated[str, Form(max_length=500)]

_WHOLE_ICCID = 18
_REFUSALS = (Invalid, Refused)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; an empty field of the form asks for nothing."""

    q: Annotated[str, Query(max_length=24)] = ""
    verdict: Annotated[str, Query(max_length=32)] = ""
    violation: Annotated[str, Query(max_length=32)] = ""
    mode: Annotated[str, Query(max_length=32)] = ""
    region: Annotated[str, Query(pattern="^[0-9]{0,6}$")] = ""
    client: Annotated[str, Query(max_length=64)] = ""
    after: Cursor = ""

    @property
    def any(self) -> bool:
        return any((self.q, self.verdict, self.violation, self.mode, self.region, self.client))

    async def search(self, screen: Screen) -> Search:
        """The same as the registry understands it."""
        conn, scope = screen.conn, screen.scope
        owner = await group_clients.find(conn, scope, self.client) if self.client else None
        region = await regions.find(conn, scope, int(self.region)) if self.region else None
        return Search(
            verdict=Verdict(self.verdict) if self.verdict in set(Verdict) else None,
            violation=Violation(self.violation) if self.violation in set(Violation) else None,
            mode=Mode(self.mode) if self.mode in set(Mode) else None,
            group_client=None if owner is None else owner.id,
            region=None if region is None else region.range,
            iccid=self.q.replace(" ", "").upper() or None,
        )


@dataclass(frozen=True, slots=True)
class Given:
    """The form of a rule: `numbers` are IMEIs, or TACs where the mode asks for types.

    It is meant in place of the rule `version`, 0 where there was none.
    """

    mode: Annotated[Mode, Form()] = Mode.EXACT
    numbers: Annotated[str, Form(max_length=20_000)] = ""
    action: Annotated[BindingAction, Form()] = BindingAction.EVENT
    reason: Note = ""
    version: Annotated[int | None, Form(ge=0)] = None

    @classmethod
    def of(cls, binding: Binding | None) -> "Given":
        """The form as it is filled at first: with the rule that holds."""
        if binding is None:
            return cls(version=0)
        numbers = "\n".join(binding.imeis + binding.tacs)
        return cls(binding.mode, numbers, binding.action, "", binding.version)

    def rule(self) -> Rule:
        """The rule that it says, checked."""
        words = [word for word in re.split(r"[\s,;，；、]+", self.numbers) if word]
        imeis, tacs = ((), words) if self.mode is Mode.TAC else (words, ())
        return Rule.parse(self.mode, imeis, tacs, self.action)


@router.get("")
async def list_bindings(screen: OnScreen, filters: Annotated[Filters, Depends()]) -> Response:
    """One page of the rules that hold, below how many of them are violated, and why.

    A whole ICCID opens its SIM.
    """
    conn, scope = screen.conn, screen.scope
    if len(filters.q) >= _WHOLE_ICCID and await _is_there(screen, filters.q):
        return RedirectResponse(f"/bindings/{Iccid.named(filters.q)}", 303)
    search = await filters.search(screen)
    page = await page_or_file(
        screen,
        "bindings",
        BoundSimAnswer,
        partial(binding_lists.list_page, search=search),
        filters.after,
        BoundSimAnswer.of,
    )
    if isinstance(page, Response):
        return page
    tree = await regions.list_all(conn, scope)
    waiting = await binding_requests.list_page(
        conn, scope, state=RequestState.OPEN, limit=PAGE_ROWS
    )
    return screen.show(
        "bindings.html",
        filters=filters,
        bound=page.items,
        next_key=page.next_key,
        named_regions={region.code: region for region in tree},
        regions=[region for region in tree if region.level is not RegionLevel.CITY],
        violated=await binding_lists.count_violations(conn, scope),
        waiting=waiting,
    )


@router.get("/coverage")
async def show_coverage(screen: OnScreen) -> Response:
    """How many of the SIMs in use are bound and proven, by province; the list takes its sum."""
    covered = await binding_lists.cover(screen.conn, screen.scope)
    tree = await regions.list_all(screen.conn, screen.scope)
    return screen.show(
        "binding_coverage.html",
        total=_total(covered),
        provinces=covered,
        named_regions={region.code: region for region in tree},
    )


def _total(covered: Sequence[Coverage]) -> Coverage:
    sums = (
        sum(getattr(c, name) for c in covered)
        for name in ("in_use", "bound", "ok", "violated", "unproven")
    )
    return Coverage(0, *sums)


@router.get("/requests")
async def list_requests(
    screen: OnScreen,
    state: Annotated[str, Query(pattern="^[a-z]{0,16}$")] = RequestState.OPEN,
    after: Cursor = "",
) -> Response:
    """One page of the requests for another hardware, at first those that wait for a decision."""
    return await _requests(screen, state, after, None)


async def _requests(screen: Screen, state: str, after: str, problem: Problem | None) -> Response:
    read = partial(
        binding_requests.list_page,
        state=RequestState(state) if state in set(RequestState) else None,
    )
    page = await page_or_file(screen, "binding-requests", BindingRequestAnswer, read, after)
    if isinstance(page, Response):
        return page
    return screen.show(
        "binding_requests.html",
        status=problem.status if problem else 200,
        problem=problem,
        requests=page.items,
        next_key=page.next_key,
        state=state,
        after=after,
        actor=screen.scope.actor,
        may_approve=screen.may(Right.BINDINGS_APPROVE),
    )


@router.post("/requests/{request_id}/decision")
async def decide(
    screen: Approving,
    request_id: Number,
    approve: Annotated[str, Form(pattern="^(yes|no)$")],
    remark: Note = "",
) -> Response:
    """Approve a request of somebody else, or decline it."""
    decide = binding_requests.approve if approve == "yes" else binding_requests.decline
    try:
        async with screen.attempt():
            await decide(screen.conn, screen.scope, request_id, remark=remark.strip() or None)
    except _REFUSALS as error:
        return await _requests(screen, RequestState.OPEN, "", problems.of_error(error))
    return RedirectResponse("/bindings/requests", 303)


@router.post("/requests/{request_id}/withdrawal")
async def withdraw(screen: Requesting, request_id: Number) -> Response:
    """Take the own request back."""
    try:
        async with screen.attempt():
            await binding_requests.withdraw(screen.conn, screen.scope, request_id)
    except _REFUSALS as error:
        return await _requests(screen, RequestState.OPEN, "", problems.of_error(error))
    return RedirectResponse("/bindings/requests", 303)


@router.get("/{iccid}")
async def show_binding(screen: OnScreen, iccid: str, after: Cursor = "") -> Response:
    """How one SIM is bound, whether it keeps to it and on which evidence, and how it was before."""
    return await _page(screen, iccid, after=after)


@router.post("/{iccid}")
async def set_binding(screen: Setting, iccid: str, given: Annotated[Given, Depends()]) -> Response:
    """Let another rule hold, or show the form again with what is wrong."""
    try:
        async with screen.attempt():
            sim, rule = Iccid.named(iccid), given.rule()
            put = await bindings.put(
                screen.conn, screen.scope, sim, rule, reason=given.reason.strip() or None
            )
            if given.version is not None and put.version != given.version + 1:
                raise BindingTaken
    except _REFUSALS as error:
        return await _page(screen, iccid, problems.of_error(error), given=given)
    return RedirectResponse(f"/bindings/{sim}", 303)


@router.post("/{iccid}/request")
async def request(screen: Requesting, iccid: str, imei: Note = "", reason: Note = "") -> Response:
    """Ask that the SIM may work in other hardware; somebody else decides."""
    try:
        async with screen.attempt():
            if not reason.strip():
                raise Invalid("Say why.", field="reason")
            await binding_requests.ask(
                screen.conn,
                screen.scope,
                Iccid.named(iccid),
                Imei.parse(imei),
                reason=reason.strip(),
            )
    except _REFUSALS as error:
        return await _page(screen, iccid, problems.of_error(error), imei=imei, why=reason)
    return RedirectResponse(f"/bindings/{Iccid.named(iccid)}", 303)


async def _page(
    screen: Screen,
    iccid: str,
    problem: Problem | None = None,
    *,
    after: str = "",
    given: Given | None = None,
    imei: str | None = None,
    why: str = "",
) -> Response:
    conn, scope = screen.conn, screen.scope
    sim = await sims.find(conn, scope, Iccid.named(iccid))
    binding = await bindings.find(conn, scope, sim.iccid)
    past = await bindings.list_past(conn, scope, sim.iccid, after=after or None, limit=PAGE_ROWS)
    waiting = await binding_requests.list_page(
        conn, scope, state=RequestState.OPEN, iccid=sim.iccid, limit=1
    )
    separated = binding is not None and binding.violation is Violation.SEPARATION
    if imei is None:
        imei = binding.heard_imei if binding and separated else None
    return screen.show(
        "binding.html",
        status=problem.status if problem else 200,
        problem=problem,
        sim=sim,
        binding=binding,
        past=past.items,
        next_key=past.next_key,
        after=after,
        waiting=waiting.items[0] if waiting.items else None,
        given=given or Given.of(binding),
        wanted_imei=imei or "",
        why=why,
        actor=scope.actor,
        may_set=screen.may(Right.BINDINGS_SET),
        may_request=screen.may(Right.BINDINGS_REQUEST) and binding and binding.mode is not Mode.OFF,
        may_approve=screen.may(Right.BINDINGS_APPROVE),
    )


async def _is_there(screen: Screen, text: str) -> bool:
    try:
        await sims.find(screen.conn, screen.scope, Iccid.named(text))
    except SimNotFound:
        return False
    return True
