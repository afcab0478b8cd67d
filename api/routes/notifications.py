"""`/api/v1/notification-channels`, `-deliveries`: who is told of alarms, and what went out."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api import etags
from api.dependencies import Creates, Needs, Transaction
from api.etags import IfMatch
from api.paging import After, Limit, link_next
from api.schemas.notifications import (
    ChannelAnswer,
    ChannelBody,
    ChannelChange,
    DeliveryAnswer,
    MadeChannelAnswer,
    OwnChannelBody,
    OwnChannelsAnswer,
)
from api.schemas.shapes import PageOf
from api.strict import StrictRoute
from registry.scope import Right, Scope
from telemetry.notifications import channels, deliveries, own
from telemetry.notifications.model import ChannelKind, DeliveryState, Made

router = APIRouter(prefix="/api/v1", tags=["notifications"], route_class=StrictRoute)

Reader = Annotated[Scope, Needs(Right.CHANNELS_READ)]
Changer = Annotated[Scope, Needs(Right.CHANNELS_CHANGE)]
Oneself = Annotated[Scope, Needs(Right.ACCOUNT_OVERSEE)]
Number = Annotated[int, Path(ge=1, lt=2**31)]

_CHANNELS, _OWN = "/notification-channels", "/me/notifications"


@router.get(_CHANNELS, operation_id="list_notification_channels")
async def list_channels(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[ChannelAnswer]:
    """One page of the channels of clients and regions, by number."""
    page = await channels.list_page(conn, scope, after=after, limit=limit)
    link_next(request, response, page.next_key)
    items = [ChannelAnswer.of(channel) for channel in page.items]
    return PageOf[ChannelAnswer](items=items, next=page.next_key)


@router.post(_CHANNELS, operation_id="create_notification_channel", status_code=201)
async def create_channel(
    scope: Annotated[Scope, Creates(Right.CHANNELS_CHANGE)],
    conn: Transaction,
    request: Request,
    response: Response,
    body: ChannelBody,
) -> MadeChannelAnswer:
    """A new channel, which a test goes out by; what signs a webhook is shown this once."""
    wanted: dict[str, Any] = body.wanted()
    made = await channels.create(conn, scope, *_means(request), **wanted)
    response.headers["Location"] = f"/api/v1{_CHANNELS}/{made.channel.id}"
    return _made(response, made)


@router.get(f"{_CHANNELS}/{{number}}", operation_id="find_notification_channel")
async def find_channel(
    scope: Reader, conn: Transaction, response: Response, number: Number
) -> ChannelAnswer:
    """One channel; the ETag is its version."""
    found = await channels.find(conn, scope, number)
    return ChannelAnswer.of(etags.tag(response, found))


@router.patch(f"{_CHANNELS}/{{number}}", operation_id="change_notification_channel")
async def change_channel(
    scope: Changer,
    conn: Transaction,
    request: Request,
    response: Response,
    number: Number,
    body: ChannelChange,
    if_match: IfMatch,
) -> ChannelAnswer:
    """Let it be otherwise; led elsewhere it is tested before it is used again."""
    await if_match.before(channels.find, conn, scope, number)
    wanted: dict[str, Any] = body.wanted()
    changed = await channels.change(conn, scope, *_means(request), number, **wanted)
    return ChannelAnswer.of(if_match.after(response, changed))


@router.delete(
    f"{_CHANNELS}/{{number}}", operation_id="remove_notification_channel", status_code=204
)
async def remove_channel(scope: Changer, conn: Transaction, number: Number) -> None:
    """Tell nobody by it any more; what went out by it stays on record for its days."""
    await channels.remove(conn, scope, number)


@router.post(f"{_CHANNELS}/{{number}}/test", operation_id="test_notification_channel")
async def test_channel(scope: Changer, conn: Transaction, number: Number) -> ChannelAnswer:
    """Have a test go out; once it is taken the channel is used, however it stood before."""
    return ChannelAnswer.of(await channels.test(conn, scope, number))


@router.post(f"{_CHANNELS}/{{number}}/secret", operation_id="renew_notification_secret")
async def renew_secret(
    scope: Changer, conn: Transaction, request: Request, response: Response, number: Number
) -> MadeChannelAnswer:
    """Another secret of a webhook, shown this once; for a day both sign."""
    rules = request.app.state.rules
    return _made(response, await channels.renew_secret(conn, scope, rules, number))


@router.get("/notification-deliveries", operation_id="list_notification_deliveries")
async def list_deliveries(
    scope: Reader,
    conn: Transaction,
    request: Request,
    response: Response,
    channel: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    state: DeliveryState | None = None,
    after: After = None,
    limit: Limit = 50,
) -> PageOf[DeliveryAnswer]:
    """One page of what went out, or is to, the newest first."""
    page = await deliveries.list_page(
        conn, scope, channel=channel, state=state, after=after, limit=limit
    )
    link_next(request, response, page.next_key)
    return PageOf[DeliveryAnswer].model_validate({"items": page.items, "next": page.next_key})


@router.get("/notification-deliveries/{number}", operation_id="find_notification_delivery")
async def find_delivery(
    scope: Reader, conn: Transaction, number: Annotated[int, Path(ge=1, lt=2**63)]
) -> DeliveryAnswer:
    """One delivery: what became of it."""
    return DeliveryAnswer.model_validate(await deliveries.find(conn, scope, number))


@router.get(_OWN, operation_id="list_own_notifications", tags=["me"])
async def list_own(scope: Oneself, conn: Transaction) -> OwnChannelsAnswer:
    """How the caller is told of alarms: by mail, by SMS, or not at all."""
    listed = await own.list_all(conn, scope)
    return OwnChannelsAnswer(items=[ChannelAnswer.of(channel) for channel in listed])


@router.put(f"{_OWN}/{{kind}}", operation_id="put_own_notifications", tags=["me"])
async def put_own(
    scope: Oneself,
    conn: Transaction,
    request: Request,
    response: Response,
    kind: ChannelKind,
    body: OwnChannelBody,
    if_match: IfMatch,
) -> ChannelAnswer:
    """Be told by `mail` or `sms`, or otherwise than before; a new address is tested first."""
    await if_match.before(own.find, conn, scope, kind)
    wanted: dict[str, Any] = body.wanted()
    put = await own.put(conn, scope, *_means(request), kind, **wanted)
    return ChannelAnswer.of(if_match.after(response, put))


@router.post(f"{_OWN}/{{kind}}/test", operation_id="test_own_notifications", tags=["me"])
async def test_own(scope: Oneself, conn: Transaction, kind: ChannelKind) -> ChannelAnswer:
    """Have a test go out."""
    return ChannelAnswer.of(await own.test(conn, scope, kind))


@router.delete(
    f"{_OWN}/{{kind}}", operation_id="remove_own_notifications", status_code=204, tags=["me"]
)
async def remove_own(scope: Oneself, conn: Transaction, kind: ChannelKind) -> None:
    """Be told no more this way."""
    await own.remove(conn, scope, kind)


def _means(request: Request) -> tuple[Any, Any]:
    """What seals, and the way out by which addresses are checked."""
    return request.app.state.rules, request.app.state.egress


def _made(response: Response, made: Made) -> MadeChannelAnswer:
    told = ChannelAnswer.of(etags.tag(response, made.channel)).model_dump()
    return MadeChannelAnswer.model_validate(told | {"secret": made.secret})
