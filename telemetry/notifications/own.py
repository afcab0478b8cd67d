"""How a person wishes to be told: the own mail address and number, by severity and time of day."""

from collections.abc import Sequence
from typing import Unpack

from foundation.database import Connection
from foundation.egress import Egress
from registry.errors import NotAPerson
from registry.rules import Rules
from registry.scope import Right, Scope
from telemetry.notifications import channels
from telemetry.notifications.channels import Change, sql
from telemetry.notifications.model import (
    PERSONAL,
    Channel,
    ChannelInvalid,
    ChannelKind,
    ChannelNotFound,
)


async def list_all(conn: Connection, scope: Scope) -> Sequence[Channel]:
    """The asker's own channels: of each personal kind one at most."""
    scope.require(Right.ACCOUNT_OVERSEE)
    return [Channel.of(row) async for row in await conn.execute(sql.list_own)]


async def find(conn: Connection, scope: Scope, kind: ChannelKind) -> Channel:
    """The asker's own channel of a kind; ChannelNotFound when there is none."""
    scope.require(Right.ACCOUNT_OVERSEE)
    for channel in await list_all(conn, scope):
        if channel.kind is kind:
            return channel
    raise ChannelNotFound("You are not told of alarms this way.")


async def put(
    conn: Connection,
    scope: Scope,
    rules: Rules,
    egress: Egress,
    kind: ChannelKind,
    **wanted: Unpack[Change],
) -> Channel:
    """Be told by mail or SMS from now on, or otherwise than before; a new address is tested."""
    scope.require(Right.ACCOUNT_OVERSEE)
    if kind not in PERSONAL:
        raise ChannelInvalid(f"One's own are {' and '.join(PERSONAL)}.", field="kind")
    wanted.pop("secret", None)
    mine = [channel for channel in await list_all(conn, scope) if channel.kind is kind]
    if mine:
        await channels.lead_otherwise(conn, rules.sealing, egress, mine[0], wanted)
    else:
        if "address" not in wanted:
            raise ChannelInvalid("Say where you are to be told.", field="address")
        await channels.insert(
            conn, scope, rules.sealing, egress, await _owner(conn),
            name=kind.value, kind=kind, address=wanted["address"],
            wanted=channels.wishes_in(wanted),
        )  # fmt: skip
    return await find(conn, scope, kind)


async def _owner(conn: Connection) -> dict[str, int | None]:
    row = await (await conn.execute(sql.own_user)).fetchone()
    if row is None or row["id"] is None:
        raise NotAPerson
    return {"group_client": None, "region": None, "user": row["id"]}


async def test(conn: Connection, scope: Scope, kind: ChannelKind) -> Channel:
    """Have a test go out by an own channel."""
    scope.require(Right.ACCOUNT_OVERSEE)
    found = await find(conn, scope, kind)
    await channels.send_test(conn, found.id)
    return found


async def remove(conn: Connection, scope: Scope, kind: ChannelKind) -> None:
    """Be told no more this way."""
    scope.require(Right.ACCOUNT_OVERSEE)
    found = await find(conn, scope, kind)
    await conn.execute(sql.remove_channel, {"id": found.id})
