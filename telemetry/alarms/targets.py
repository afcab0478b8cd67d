"""Whose a rule or a maintenance window is, and of which terminals."""

from foundation.database import Connection
from foundation.errors import Invalid
from registry import collections, group_clients, regions, terminals
from registry.model import RegionCode
from registry.scope import Scope


class RuleOwnerMissing(Invalid):
    """Whose it is to be is not clear."""

    code = "rule_owner_missing"
    remedy = "Name one of your group clients."


async def find(
    conn: Connection,
    scope: Scope,
    *,
    group_client: str | None,
    region: RegionCode | None,
    collection: int | None,
    terminal: str | None,
) -> dict[str, int | None]:
    """The numbers of these, in scope.

    Without client and region, the one client or the region of whoever asks.
    """
    found = await _owner(conn, scope, group_client, region)
    found |= {"collection": None, "terminal": None}
    if collection is not None:
        found["collection"] = (await collections.find(conn, scope, collection)).id
    if terminal is not None:
        found["terminal"] = (await terminals.find(conn, scope, terminal)).id
    return found


async def _owner(
    conn: Connection, scope: Scope, group_client: str | None, region: RegionCode | None
) -> dict[str, int | None]:
    if group_client is not None and region is not None:
        raise RuleOwnerMissing("It is of one client or of one region.", field="region")
    if group_client is not None:
        owner = (await group_clients.find(conn, scope, group_client)).id
        return {"group_client": owner, "region": None}
    if region is not None:
        if not scope.everything and scope.region is None:
            raise RuleOwnerMissing(field="group_client")
        return {"group_client": None, "region": (await regions.find(conn, scope, region)).code}
    if scope.everything or scope.region is not None:
        return {"group_client": None, "region": scope.region.low if scope.region else None}
    if len(scope.group_clients) != 1:
        raise RuleOwnerMissing(field="group_client")
    return {"group_client": next(iter(scope.group_clients)), "region": None}
