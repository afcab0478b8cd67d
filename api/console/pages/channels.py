"""Notifications: by which ways who is told of alarms, whether it arrived, and one's own wishes."""

from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Query
from starlette.responses import RedirectResponse, Response

from api import problems
from api.console.pages.screen import PAGE_ROWS, Screen, Shows
from api.console.pages.sheets import page_or_file
from api.problems import Problem
from api.schemas.notifications import ChannelAnswer
from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from registry.conditions import SEVERITIES
from registry.model import RegionCode
from registry.scope import Right
from telemetry.notifications import channels, deliveries, own
from telemetry.notifications.model import PERSONAL, AlarmEvent, Channel, ChannelKind

router = APIRouter()

OnScreen = Annotated[Screen, Shows(Right.CHANNELS_READ)]
Changing = Annotated[Screen, Shows(Right.CHANNELS_CHANGE)]
Oneself = Annotated[Screen, Shows(Right.ACCOUNT_OVERSEE)]
Number = Annotated[int, Path(ge=1, lt=2**31)]
Chosen = Annotated[list[str], Form(max_length=10, default_factory=list)]
TimeOfDay = Annotated[str, Form(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]

_REFUSALS = (Invalid, Refused, NotFound, NotPermitted)


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


@dataclass(frozen=True, slots=True)
class Given:
    """What is said of a channel beside that."""

    name: Annotated[str, Form(max_length=100)] = ""
    kind: Annotated[ChannelKind, Form()] = ChannelKind.WEBHOOK
    secret: Annotated[str, Form(max_length=200)] = ""
    client: Annotated[str, Form(max_length=64)] = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""


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
    return _form(screen, Given(), None)


@router.post("/notifications/new")
async def create(
    screen: Changing, given: Annotated[Given, Depends()], wishes: Annotated[Wishes, Depends()]
) -> Response:
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
        return _form(screen, given, problems.of_error(error))
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
async def switch(
    screen: Changing, number: Number, enabled: Annotated[str, Form(pattern="^(yes|no)$")]
) -> Response:
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
    return await _own(screen, None)


@router.post("/account/notifications/{kind}")
async def put_own(
    screen: Oneself, kind: ChannelKind, wishes: Annotated[Wishes, Depends()]
) -> Response:
    """Be told by mail or SMS, or otherwise than before."""
    state = screen.request.app.state
    try:
        async with screen.attempt():
            await own.put(
                screen.conn, screen.scope, state.rules, state.egress, kind, **wishes.wanted()
            )
    except _REFUSALS as error:
        return await _own(screen, problems.of_error(error))
    return RedirectResponse("/account/notifications", 303)


@router.post("/account/notifications/{kind}/removal")
async def remove_own(screen: Oneself, kind: ChannelKind) -> Response:
    """Be told no more this way."""
    await own.remove(screen.conn, screen.scope, kind)
    return RedirectResponse("/account/notifications", 303)


async def _own(screen: Screen, problem: Problem | None) -> Response:
    mine: dict[ChannelKind, Channel] = {
        channel.kind: channel for channel in await own.list_all(screen.conn, screen.scope)
    }
    last = {
        kind: await deliveries.list_own(screen.conn, screen.scope, channel.id, 5)
        for kind, channel in mine.items()
    }
    return _with_wishes(
        screen, "my_notifications.html", problem, kinds=PERSONAL, mine=mine, last=last
    )


def _form(screen: Screen, given: Given, problem: Problem | None) -> Response:
    return _with_wishes(
        screen, "channel_new.html", problem, given=given, of_client=screen.scope.group_clients
    )


def _with_wishes(screen: Screen, template: str, problem: Problem | None, **values: Any) -> Response:
    return screen.show(
        template,
        status=problem.status if problem else 200,
        problem=problem,
        usual=channels.USUAL,
        severities=SEVERITIES,
        events=[*AlarmEvent],
        **values,
    )
