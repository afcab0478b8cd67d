"""Channels in scope: made, changed, tested, removed. What they lead to lies sealed."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any, TypedDict, Unpack
from uuid import UUID, uuid4

from foundation import queries
from foundation.database import Connection, attempt
from foundation.egress import Egress
from foundation.errors import Invalid
from foundation.sealing import Sealing
from registry import group_clients, keyset, regions
from registry.conditions import SEVERITIES
from registry.model import Page, RegionCode
from registry.rules import Rules
from registry.scope import Right, Scope
from telemetry.notifications import addresses
from telemetry.notifications.model import (
    MOST_CHANNELS,
    SIGNED_BY_THEM,
    AlarmEvent,
    Channel,
    ChannelHasNoSecret,
    ChannelInvalid,
    ChannelKind,
    ChannelNotFound,
    ChannelOwnerMissing,
    Made,
    TooManyChannels,
    Wishes,
)

sql = queries.load("telemetry", "notifications/channels.sql")

FORMER_HOURS = 24
LONGEST_DIGEST_SECONDS = 86_400
_LONGEST_SECRET = 200
_SECRET_BYTES = 32
_TURNS = (AlarmEvent.OPENED, AlarmEvent.CLEARED)
USUAL = Wishes(
    severities=SEVERITIES, events=_TURNS, urgent=("critical",), digest_seconds=0, time_zone="UTC",
    quiet_from=None, quiet_to=None, language="zh",
)  # fmt: skip


class Wanted(TypedDict, total=False):
    """What can be said of how a channel is used; the rest is as usual, or stays."""

    severities: Sequence[str]
    events: Sequence[str]
    urgent: Sequence[str]
    digest_seconds: int
    time_zone: str
    quiet_from: time | None
    quiet_to: time | None
    language: str


class Change(Wanted, total=False):
    """What can be changed of a channel."""

    name: str
    enabled: bool
    address: str
    secret: str | None


async def create(
    conn: Connection,
    scope: Scope,
    rules: Rules,
    egress: Egress,
    *,
    name: str,
    kind: ChannelKind,
    address: str,
    secret: str | None = None,
    group_client: str | None = None,
    region: RegionCode | None = None,
    **wanted: Unpack[Wanted],
) -> Made:
    """A new channel of a client, or of the operator in a region, and a test that goes out by it.

    Without either, of the one client or the region of whoever makes it. A webhook's secret is ours.
    """
    scope.require(Right.CHANNELS_CHANGE)
    owner = await _owner(conn, scope, group_client, region)
    made, shown = await insert(
        conn, scope, rules.sealing, egress, owner,
        name=name, kind=kind, address=address, secret=secret, wanted=wanted,
    )  # fmt: skip
    return Made(await find(conn, scope, made), shown)


async def insert(
    conn: Connection,
    scope: Scope,
    sealing: Sealing,
    egress: Egress,
    owner: Mapping[str, int | None],
    *,
    name: str,
    kind: ChannelKind,
    address: str,
    wanted: Wanted,
    secret: str | None = None,
) -> tuple[int, str | None]:
    """The number of a new channel, and its secret where that is ours."""
    wishes = await _wishes(conn, kind, USUAL, wanted)
    await conn.execute(sql.take_turns)
    row = await (await conn.execute(sql.count_of_owner, owner)).fetchone()
    if row is not None and row["channels"] >= MOST_CHANNELS:
        raise TooManyChannels
    await addresses.check(egress, kind, address)
    place = uuid4()
    shown = fresh_secret() if kind is ChannelKind.WEBHOOK else None
    given = {
        **owner, **wishes, "name": name, "kind": kind, "place": place, "by": scope.actor,
        "shown": addresses.shown(kind, address),
        "sealed_address": sealing.seal(address.encode(), place_of(place, "address")),
        "sealed_secret": _sealed(sealing, kind, shown or secret, place),
    }  # fmt: skip
    made = await (await conn.execute(sql.insert_channel, given)).fetchone()
    assert made is not None
    await conn.execute(sql.insert_state, made)
    await send_test(conn, made["id"])
    return made["id"], shown


async def _owner(
    conn: Connection, scope: Scope, group_client: str | None, region: RegionCode | None
) -> dict[str, int | None]:
    none: dict[str, int | None] = {"group_client": None, "region": None, "user": None}
    if group_client is not None and region is not None:
        raise ChannelOwnerMissing("A channel is of one client or of one region.", field="region")
    if group_client is not None:
        return none | {"group_client": (await group_clients.find(conn, scope, group_client)).id}
    if region is not None:
        found = await regions.find(conn, scope, region)
        if not scope.everything and not (
            scope.region and scope.region.low <= found.code <= scope.region.high
        ):
            raise ChannelOwnerMissing(field="region")
        return none | {"region": found.code}
    if scope.everything:
        return none | {"region": (await regions.list_all(conn, scope))[0].code}
    if scope.region is not None:
        return none | {"region": scope.region.low}
    if len(scope.group_clients) != 1:
        raise ChannelOwnerMissing(field="group_client")
    return none | {"group_client": next(iter(scope.group_clients))}


async def find(conn: Connection, scope: Scope, number: int) -> Channel:
    """The channel of that number; ChannelNotFound when there is none in scope."""
    scope.require(Right.CHANNELS_READ)
    rows = await _read(conn, scope, 0, 1, number)
    if not rows:
        raise ChannelNotFound(f"There is no channel {number}.")
    return Channel.of(rows[0])


async def list_page(
    conn: Connection, scope: Scope, *, after: str | None = None, limit: int = 50
) -> Page[Channel]:
    """One page of the channels in scope, by number; nobody's own is among them."""
    scope.require(Right.CHANNELS_READ)
    number = 0 if after is None else keyset.number(after)
    rows = await _read(conn, scope, number, keyset.rows_asked_for(limit))
    return keyset.page(rows, limit, Channel.of, lambda row: str(row["id"]))


async def _read(
    conn: Connection, scope: Scope, after: int, rows: int, number: int | None = None
) -> list[dict[str, Any]]:
    asked = scope.parameters() | {"after": after, "rows": rows, "id": number}
    return await (await conn.execute(sql.list_channels, asked)).fetchall()


async def change(
    conn: Connection,
    scope: Scope,
    rules: Rules,
    egress: Egress,
    number: int,
    **changed: Unpack[Change],
) -> Channel:
    """Let a channel be otherwise; led elsewhere it is tested before it is used again."""
    scope.require(Right.CHANNELS_CHANGE)
    found = await find(conn, scope, number)
    await lead_otherwise(conn, rules.sealing, egress, found, changed)
    return await find(conn, scope, number)


async def lead_otherwise(
    conn: Connection, sealing: Sealing, egress: Egress, found: Channel, changed: Change
) -> None:
    """Change a channel that was found."""
    row = await (await conn.execute(sql.hold_channel, {"id": found.id})).fetchone()
    if row is None:
        raise ChannelNotFound(f"There is no channel {found.id}.")
    wishes = await _wishes(conn, found.kind, found.wishes, wishes_in(changed))
    given = {
        **wishes, "id": found.id, "name": changed.get("name", found.name),
        "enabled": changed.get("enabled", found.enabled), "shown": found.shown,
        "sealed_address": row["sealed_address"], "sealed_secret": row["sealed_secret"],
        "anew": "address" in changed or "secret" in changed,
    }  # fmt: skip
    if "address" in changed:
        address = changed["address"]
        await addresses.check(egress, found.kind, address)
        given["shown"] = addresses.shown(found.kind, address)
        given["sealed_address"] = sealing.seal(address.encode(), place_of(row["place"], "address"))
    if "secret" in changed:
        if found.kind is ChannelKind.WEBHOOK:
            why = "A webhook's secret is ours; have it renewed."
            raise ChannelInvalid(why, field="secret")
        given["sealed_secret"] = _sealed(sealing, found.kind, changed["secret"], row["place"])
    await conn.execute(sql.change_channel, given)
    if given["anew"]:
        await send_test(conn, found.id)


async def renew_secret(conn: Connection, scope: Scope, rules: Rules, number: int) -> Made:
    """A new secret of a webhook; for a day both sign, so that the receiver can follow."""
    scope.require(Right.CHANNELS_CHANGE)
    found = await find(conn, scope, number)
    if found.kind is not ChannelKind.WEBHOOK:
        raise ChannelHasNoSecret
    row = await (await conn.execute(sql.hold_channel, {"id": number})).fetchone()
    assert row is not None
    secret = fresh_secret()
    sealed = rules.sealing.seal(secret.encode(), place_of(row["place"], "secret"))
    given = {"id": number, "sealed_secret": sealed, "hours": FORMER_HOURS}
    await conn.execute(sql.renew_secret, given)
    return Made(await find(conn, scope, number), secret)


async def test(conn: Connection, scope: Scope, number: int) -> Channel:
    """Have a test go out by a channel; once it is taken the channel is used, stopped or not."""
    scope.require(Right.CHANNELS_CHANGE)
    found = await find(conn, scope, number)
    await send_test(conn, found.id)
    return found


async def remove(conn: Connection, scope: Scope, number: int) -> None:
    """Tell nobody by it any more, and forget what is secret of it."""
    scope.require(Right.CHANNELS_CHANGE)
    found = await find(conn, scope, number)
    await conn.execute(sql.remove_channel, {"id": found.id})


async def send_test(conn: Connection, number: int) -> None:
    """Have a test go out by a channel that was found."""
    await conn.execute(sql.insert_test, {"id": number})
    await conn.execute(sql.wake_channel, {"id": number})


def wishes_in(changed: Change) -> Wanted:
    """What a change says of when is told of what."""
    wanted = Wanted()
    wanted.update({k: v for k, v in changed.items() if k in Wanted.__annotations__})  # type: ignore[typeddict-item]
    return wanted


def place_of(place: UUID, what: str) -> str:
    """Where something of a channel lies sealed."""
    return f"notification_channel/{place}/{what}"


def fresh_secret() -> str:
    """A secret that signs."""
    return f"whsec_{secrets.token_urlsafe(_SECRET_BYTES)}"


def _sealed(sealing: Sealing, kind: ChannelKind, secret: str | None, place: UUID) -> bytes | None:
    if secret is None:
        return None
    if kind is not ChannelKind.WEBHOOK and kind not in SIGNED_BY_THEM:
        raise ChannelInvalid(f"A channel of kind {kind} has no secret.", field="secret")
    if not (1 <= len(secret) <= _LONGEST_SECRET and secret.isascii() and secret.isprintable()):
        why = f"A secret is plain text of up to {_LONGEST_SECRET} characters."
        raise ChannelInvalid(why, field="secret")
    return sealing.seal(secret.encode(), place_of(place, "secret"))


async def _wishes(
    conn: Connection, kind: ChannelKind, before: Wishes, wanted: Wanted
) -> dict[str, Any]:
    """What is wished now, checked; ChannelInvalid where it would tell nobody anything."""
    wishes: dict[str, Any] = {name: getattr(before, name) for name in Wishes.__dataclass_fields__}
    wishes |= wanted
    events = [*_TURNS] if kind is ChannelKind.ALERTMANAGER else [*AlarmEvent]
    for name, known in (("severities", SEVERITIES), ("events", events), ("urgent", SEVERITIES)):
        given = set(wishes[name])
        if not given <= set(known) or (not given and name != "urgent"):
            why = f"Name some of {', '.join(known)}."
            raise ChannelInvalid(why, field=name)
        wishes[name] = [each for each in known if each in given]
    if not 0 <= wishes["digest_seconds"] <= LONGEST_DIGEST_SECONDS:
        why = f"A digest comes every {LONGEST_DIGEST_SECONDS} seconds at least."
        raise ChannelInvalid(why, field="digest_seconds")
    if (wishes["quiet_from"] is None) != (wishes["quiet_to"] is None) or (
        wishes["quiet_from"] is not None and wishes["quiet_from"] == wishes["quiet_to"]
    ):
        why = "Quiet hours are from one time of day to another."
        raise ChannelInvalid(why, field="quiet_from")
    if wishes["time_zone"] != before.time_zone:
        try:
            async with attempt(conn):
                await conn.execute(sql.now_in_zone, {"zone": wishes["time_zone"]})
        except Invalid as error:
            why = "There is no such time zone; give one such as Asia/Shanghai."
            raise ChannelInvalid(why, field="time_zone") from error
    return wishes
