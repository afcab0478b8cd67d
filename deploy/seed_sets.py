"""What the demonstration shows of gateways, names, tags and collections: meters of the fleet."""

from collections.abc import Sequence

from deploy.simulator.fleet import Member
from foundation.database import Connection
from registry import collections, gateways, particulars, wire_names
from registry.identifiers import WireName
from registry.scope import Scope

_BEHIND = 3
_TAG = "rooftop"


async def ensure(
    conn: Connection, scope: Scope, members: Sequence[Member], client: str, terminal: str
) -> None:
    """Let a meter speak for three others, tag some, and put together what belongs together.

    Once: where there is a collection, everything stays as people have it.
    """
    if (await collections.list_page(conn, scope, limit=1)).items:
        return
    own = await collections.create(conn, scope, name="体验现场 Demo site", group_client=client)
    await collections.alter_members(conn, scope, own.id, add=[terminal])
    meters = [m.code for m in members if m.profile == "smart_meter" and m.story is None]
    if len(meters) <= _BEHIND:
        return
    gate, *behind = meters[: _BEHIND + 1]
    for number, code in enumerate(behind, start=1):
        await gateways.put_behind(conn, scope, code, gate)
        await wire_names.give(conn, scope, code, WireName.of("meter_address", str(number)))
    for code in (gate, *behind):
        await particulars.change(conn, scope, code, tags=[_TAG])
    site = await collections.create(conn, scope, name="集中器与电表 Concentrator and its meters")
    await collections.alter_members(conn, scope, site.id, add=[gate, *behind])
    await collections.create(conn, scope, name="屋顶 Rooftops", query=collections.Query(tag=_TAG))
