"""Notifications: by which ways who is told of alarms, whether it arrived, and one's own wishes."""

from dataclasses import dataclass, replace
from datetime import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.console.pages.sheets import page_or_file
from api.errors import VersionChanged
from api.schemas.notifications import ChannelAnswer
from foundation.errors import Invalid, MusterError, NotFound, NotPermitted, Refused
from registry.conditions import SEVERITIES
from registry.model import RegionCode
from registry.scope import Right
from telemetry.notifications import channels, deliveries, model, own
from telemetry.notifications.model import (
    PERSONAL,
    SIGNED_BY_THEM,
    AlarmEvent,
    Channel,
    ChannelKind,
)

router = APIRouter()

OnScreen = Annotated[Screen, Shows(Right.CHANNELS_READ)]
Changing = Annotated[Screen, Shows(Right.CHANNELS_CHANGE)]
Oneself = Annotated[Screen, Shows(Right.ACCOUNT_OVERSEE)]
Number = Annotated[int, Path(ge=1, lt=2**31)]
Chosen = Annotated[list[str], Form(max_length=10, default_factory=list)]
TimeOfDay = Annotated[str, Form(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]

YesOrNo = Annotated[str, Form(pattern="^(yes|no)$")]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)
# In which field of a form is filled in what an error names.
_FIELDS = {"digest_seconds": "digest", "quiet_from": "from", "quiet_to": "to", "time_zone": "zone",
           "group_client": "client"}  # fmt: skip
_OF_CODE = {"group_client_not_found": "client", "region_not_found": "region"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """The part of a form that says what is told, and when."""

    severities: Chosen
    events: Chosen
    urgent: Chosen
    address: Annotated[str, Form(max_length=2000)] = ""
    digest: Annotated[int, Form(ge=0, le=channels.LONGEST_DIGEST_SECONDS)] = 0
    time_zone: Annotated[str, Form(max_length=64)] = "Asia/Shanghai"
    quiet_from: TimeOfDay = ""
    quiet_to: TimeOfDay = ""
    language: Annotated[str, Form(pattern="^(zh|en)$")] = "zh"

    def wanted(self) -> dict[str, Any]:
        """As the verbs take it; an address that is left empty stays."""
        quiet = [time.fromisoformat(at) if at else None for at in (self.quiet_from, self.quiet_to)]
        given = {
            "severities": self.severities, "events": self.events, "urgent": self.urgent,
            "digest_seconds": self.digest, "time_zone": self.time_zone.strip() or "UTC",
            "quiet_from": quiet[0], "quiet_to": quiet[1], "language": self.language,
        }  # fmt: skip
        return given | ({"address": self.address.strip()} if self.address.strip() else {})

    def told(self) -> model.Wishes:
        """As a form shows them again."""
        wanted = self.wanted()
        wanted.pop("address", None)
        return replace(channels.USUAL, **wanted)


@dataclass(frozen=True, slots=True)
class Given:
    """What is said of a channel beside that."""

    name: Annotated[str, Form(max_length=100)] = ""
    kind: Annotated[ChannelKind, Form()] = ChannelKind.WEBHOOK
    secret: Annotated[str, Form(max_length=200)] = ""
    client: Annotated[str, Form(max_length=64)] = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    version: Annotated[int | None, Form(ge=1)] = None


Filled = Annotated[Given, Depends()]
Wished = Annotated[Wishes, Depends()]


@router.get("/notifications")
async def list_channels(
    screen: OnScreen, after: Annotated[str, Query(max_length=32)] = ""
) -> Response:
    """One page of the channels in scope, and what went out last."""
    page = await page_or_file(
        screen, "channels", ChannelAnswer, channels.list_page, after, ChannelAnswer.of
    )
    if isinstance(page, Response):
        return page
    return screen.show(
        "channels.html",
        channels=page.items,
        next_key=page.next_key,
        after=after,
        may_change=screen.may(Right.CHANNELS_CHANGE),
    )


@router.get("/notifications/new")
async def show_form(screen: Changing) -> Response:
    """The form of a new channel."""
    return _form(screen, Given(), channels.USUAL)


@router.post("/notifications/new")
async def create(screen: Changing, given: Filled, wishes: Wished) -> Response:
    """A new channel, with what signs a webhook shown once; or the form with what is wrong."""
    state = screen.request.app.state
    try:
        async with screen.attempt():
            made = await channels.create(
                screen.conn, screen.scope, state.rules, state.egress,
                **{"address": "", **wishes.wanted()},
                name=given.name.strip(), kind=given.kind, secret=given.secret or None,
                group_client=given.client.strip() or None,
                region=RegionCode(int(given.region)) if given.region else None,
            )  # fmt: skip
    except _REFUSALS as error:
        return _form(screen, given, wishes.told(), error, address=wishes.address)
    if made.secret is None:
        return RedirectResponse(f"/notifications/{made.channel.id}", 303)
    return screen.show("channel_secret.html", channel=made.channel, secret=made.secret)


@router.get("/notifications/{number}")
async def show_channel(screen: OnScreen, number: Number) -> Response:
    """One channel: how it goes with it, and what went out by it."""
    found = await channels.find(screen.conn, screen.scope, number)
    page = await deliveries.list_page(screen.conn, screen.scope, channel=number, limit=PAGE_ROWS)
    return screen.show(
        "channel.html",
        channel=found,
        deliveries=page.items,
        may_change=screen.may(Right.CHANNELS_CHANGE),
    )


@router.get("/notifications/{number}/change")
async def show_change(screen: Changing, number: Number) -> Response:
    """The form of a channel that there is."""
    found = await channels.find(screen.conn, screen.scope, number)
    given = Given(name=found.name, version=found.version)
    return _form(screen, given, found.wishes, channel=found)


@router.post("/notifications/{number}/change")
async def change(screen: Changing, number: Number, given: Filled, wishes: Wished) -> Response:
    """Let it tell otherwise, or lead elsewhere; an address or secret that is left empty stays."""
    state = screen.request.app.state
    said: dict[str, Any] = {"name": given.name.strip(), "secret": given.secret}
    try:
        async with screen.attempt():
            changed = await channels.change(
                screen.conn, screen.scope, state.rules, state.egress, number,
                **wishes.wanted(), **{name: text for name, text in said.items() if text},
            )  # fmt: skip
            if given.version is not None and changed.version != given.version + 1:
                raise VersionChanged
    except _REFUSALS as error:
        found = await channels.find(screen.conn, screen.scope, number)
        told = wishes.told()
        return _form(screen, given, told, error, channel=found, address=wishes.address)
    return RedirectResponse(f"/notifications/{number}", 303)


@router.post("/notifications/{number}/test")
async def test(screen: Changing, number: Number) -> Response:
    """Have a test go out."""
    await channels.test(screen.conn, screen.scope, number)
    return RedirectResponse(f"/notifications/{number}", 303)


@router.post("/notifications/{number}/secret")
async def renew_secret(screen: Changing, number: Number) -> Response:
    """Another secret of a webhook, shown once."""
    rules = screen.request.app.state.rules
    made = await channels.renew_secret(screen.conn, screen.scope, rules, number)
    return screen.show("channel_secret.html", channel=made.channel, secret=made.secret)


@router.post("/notifications/{number}/standing")
async def switch(screen: Changing, number: Number, enabled: YesOrNo) -> Response:
    """Use it, or let it be."""
    state = screen.request.app.state
    await channels.change(
        screen.conn, screen.scope, state.rules, state.egress, number, enabled=enabled == "yes"
    )
    return RedirectResponse(f"/notifications/{number}", 303)


@router.post("/notifications/{number}/removal")
async def remove(screen: Changing, number: Number) -> Response:
    """Tell nobody by it any more."""
    await channels.remove(screen.conn, screen.scope, number)
    return RedirectResponse("/notifications", 303)


@router.get("/account/notifications")
async def show_own(screen: Oneself) -> Response:
    """How I am told of alarms."""
    return await _own(screen)


@router.post("/account/notifications/{kind}")
async def put_own(screen: Oneself, kind: ChannelKind, wishes: Wished) -> Response:
    """Be told by mail or SMS, or otherwise than before."""
    state = screen.request.app.state
    try:
        async with screen.attempt():
            await own.put(
                screen.conn, screen.scope, state.rules, state.egress, kind, **wishes.wanted()
            )
    except _REFUSALS as error:
        return await _own(screen, kind, wishes, error)
    return RedirectResponse("/account/notifications", 303)


@router.post("/account/notifications/{kind}/test")
async def test_own(screen: Oneself, kind: ChannelKind) -> Response:
    """Have a test go out to me."""
    await own.test(screen.conn, screen.scope, kind)
    return RedirectResponse("/account/notifications", 303)


@router.post("/account/notifications/{kind}/standing")
async def switch_own(screen: Oneself, kind: ChannelKind, enabled: YesOrNo) -> Response:
    """Be told this way, or not for now."""
    await own.find(screen.conn, screen.scope, kind)
    state = screen.request.app.state
    await own.put(
        screen.conn, screen.scope, state.rules, state.egress, kind, enabled=enabled == "yes"
    )
    return RedirectResponse("/account/notifications", 303)


@router.post("/account/notifications/{kind}/removal")
async def remove_own(screen: Oneself, kind: ChannelKind) -> Response:
    """Be told no more this way."""
    await own.remove(screen.conn, screen.scope, kind)
    return RedirectResponse("/account/notifications", 303)


async def _own(
    screen: Screen,
    kind: ChannelKind | None = None,
    given: Wishes | None = None,
    error: MusterError | None = None,
) -> Response:
    mine: dict[ChannelKind, Channel] = {
        channel.kind: channel for channel in await own.list_all(screen.conn, screen.scope)
    }
    last = {
        kind: await deliveries.list_own(screen.conn, screen.scope, channel.id, 5)
        for kind, channel in mine.items()
    }
    wishes = {each: mine[each].wishes if each in mine else channels.USUAL for each in PERSONAL}
    if kind in wishes and given:
        wishes[kind] = given.told()
    return _with_wishes(
        screen,
        "my_notifications.html",
        error,
        prefix=f"{kind}-" if kind else "",
        kinds=PERSONAL,
        mine=mine,
        last=last,
        wishes=wishes,
        address={kind: given.address} if given else {},
    )


def _form(
    screen: Screen,
    given: Given,
    wishes: model.Wishes,
    error: MusterError | None = None,
    *,
    channel: Channel | None = None,
    address: str = "",
) -> Response:
    return _with_wishes(
        screen,
        "channel_form.html",
        error,
        given=given,
        wishes=wishes,
        address=address,
        channel=channel,
        signed_by_them=SIGNED_BY_THEM,
        of_client=screen.scope.group_clients,
    )


def _with_wishes(
    screen: Screen, template: str, error: MusterError | None, *, prefix: str = "", **values: Any
) -> Response:
    problem = problems.of_error(error) if error else None
    place = (getattr(error, "field", None) or _OF_CODE.get(error.code, "")) if error else ""
    return screen.show(
        template,
        status=problem.status if problem else 200,
        problem=problem,
        wrong=f"{prefix}{_FIELDS.get(place, place)}" if place else "",
        severities=SEVERITIES,
        events=[*AlarmEvent],
        **values,
    )
