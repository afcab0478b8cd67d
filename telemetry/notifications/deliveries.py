"""What went out, or is to, in scope: by the clients' and the operator's channels, and one's own."""

from typing import Any

from foundation.database import Connection
from registry import keyset
from registry.model import Page
from registry.scope import Right, Scope
from telemetry.notifications.channels import sql
from telemetry.notifications.model import (
    ChannelKind,
    Delivery,
    DeliveryForm,
    DeliveryNotFound,
    DeliveryState,
)

_NEWEST = 2**63 - 1


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    channel: int | None = None,
    state: DeliveryState | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Delivery]:
    """One page of the deliveries in scope, the newest first."""
    scope.require(Right.CHANNELS_READ)
    before = _NEWEST if after is None else keyset.number(after)
    wanted = {"after": before, "rows": keyset.rows_asked_for(limit), "id": None,
              "channel": channel, "state": state}  # fmt: skip
    rows = await _read(conn, scope, wanted)
    return keyset.page(rows, limit, _delivery, lambda row: str(row["id"]))


async def list_own(conn: Connection, scope: Scope, channel: int, limit: int) -> list[Delivery]:
    """The last deliveries by an own channel that was found."""
    scope.require(Right.ACCOUNT_OVERSEE)
    wanted = {"after": _NEWEST, "rows": limit, "id": None, "channel": channel, "state": None}
    return [_delivery(row) for row in await _read(conn, scope, wanted)]


async def find(conn: Connection, scope: Scope, number: int) -> Delivery:
    """The delivery of that number; DeliveryNotFound when there is none in scope."""
    scope.require(Right.CHANNELS_READ)
    wanted = {"after": _NEWEST, "rows": 1, "id": number, "channel": None, "state": None}
    rows = await _read(conn, scope, wanted)
    if not rows:
        raise DeliveryNotFound(f"There is no delivery {number}.")
    return _delivery(rows[0])


async def _read(conn: Connection, scope: Scope, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    own = await (await conn.execute(sql.own_user)).fetchone()
    asked = scope.parameters() | wanted | {"user": own and own["id"]}
    return await (await conn.execute(sql.list_deliveries, asked)).fetchall()


def _delivery(row: dict[str, Any]) -> Delivery:
    typed = {
        "kind": ChannelKind(row["kind"]),
        "form": DeliveryForm(row["form"]),
        "state": DeliveryState(row["state"]),
    }
    return Delivery(**row | typed)
