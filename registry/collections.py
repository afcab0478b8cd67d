"""Collections: sets of terminals, by hand or by a query that is asked whenever the set is read.

One is a group client's, or the operator's in a region; who sees the owner sees it. Of its
terminals everybody sees those of the own scope, and a client's holds only what that client or one
below it owns now: what is transferred away is gone from it at once.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from foundation.errors import Invalid
from registry import group_clients, keyset, particulars, profiles, regions, terminal_lists
from registry.errors import GroupClientNotFound, TerminalNotFound
from registry.life_errors import (
    CollectionByHand,
    CollectionByQuery,
    CollectionHoldsOthers,
    CollectionNotFound,
    CollectionOwnerMissing,
)
from registry.model import (
    GroupClientId,
    Page,
    RegionCode,
    RegionRange,
    Sector,
    Terminal,
    TerminalState,
)
from registry.scope import Right, Scope
from registry.terminal_lists import Filters

sql = queries.load("registry", "collections.sql")

MOST_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A filter of the list of terminals; `group_client` and `profile` are codes, None is any."""

    group_client: str | None = None
    region: RegionCode | None = None
    state: TerminalState | None = None
    profile: str | None = None
    sector: Sector | None = None
    tag: str | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A set of terminals of a client or, where `group_client_id` is None, of a region's operator.

    `query` None is one by hand.
    """

    id: int
    name: str
    group_client_id: GroupClientId | None
    group_client_code: str | None
    region_code: RegionCode | None
    query: Query | None
    created_at: datetime
    version: int


async def create(
    conn: Connection,
    scope: Scope,
    *,
    name: str,
    group_client: str | None = None,
    query: Query | None = None,
) -> Collection:
    """A new collection of a client (a code), or of whoever asks: the own region or one client."""
    scope.require(Right.COLLECTIONS_CHANGE)
    owner = await _owner(conn, scope, group_client)
    created = await conn.execute(
        sql.insert_collection,
        {
            "name": name,
            "group_client_id": owner,
            "region": scope.region.low if scope.region else None,
            "query": query and Jsonb(await _checked(conn, scope, query)),
        },
    )
    row = await created.fetchone()
    assert row is not None
    return await find(conn, scope, row["id"])


async def find(conn: Connection, scope: Scope, collection: int) -> Collection:
    """The collection of that number; CollectionNotFound when there is none in scope."""
    scope.require(Right.COLLECTIONS_READ)
    rows = await _read(conn, scope, id=collection)
    if not rows:
        raise CollectionNotFound(f"There is no collection {collection}.")
    return _collection(rows[0])


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    group_client: GroupClientId | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Collection]:
    """One page of the collections in scope, by number; of a client and those below it."""
    scope.require(Right.COLLECTIONS_READ)
    rows = await _read(
        conn,
        scope,
        group_client=group_client,
        after=_number(after),
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, _collection, lambda row: str(row["id"]))


async def change(
    conn: Connection,
    scope: Scope,
    collection: int,
    *,
    name: str | None = None,
    query: Query | None = None,
) -> Collection:
    """Give a collection another name or another query; what is None stays."""
    scope.require(Right.COLLECTIONS_CHANGE)
    found = await find(conn, scope, collection)
    if query is not None and found.query is None:
        raise CollectionByHand
    asked = query and Jsonb(await _checked(conn, scope, query))
    wanted = {"id": collection, "name": name, "query": asked}
    await conn.execute(sql.change_collection, scope.parameters() | wanted)
    return await find(conn, scope, collection)


async def delete(conn: Connection, scope: Scope, collection: int) -> None:
    """Take a collection apart; its terminals stay what they are."""
    scope.require(Right.COLLECTIONS_CHANGE)
    found = await find(conn, scope, collection)
    await conn.execute(sql.empty_collection, {"id": found.id})
    await conn.execute(sql.delete_collection, scope.parameters() | {"id": found.id})


async def alter_members(
    conn: Connection,
    scope: Scope,
    collection: int,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> Collection:
    """Put terminals (codes, MOST_AT_ONCE at most of each) into a collection and take others out.

    All of it or nothing: a code that is not in scope is TerminalNotFound.
    """
    scope.require(Right.COLLECTIONS_CHANGE)
    found = await find(conn, scope, collection)
    if found.query is not None:
        raise CollectionByQuery
    coming = await _ids(conn, scope, add, found.group_client_id)
    if not all(coming.values()):
        raise CollectionHoldsOthers
    going = await _ids(conn, scope, remove, None)
    await conn.execute(sql.add_members, {"id": found.id, "terminal_ids": list(coming)})
    await conn.execute(sql.remove_members, {"id": found.id, "terminal_ids": list(going)})
    await conn.execute(sql.count_change, {"id": found.id})
    return await find(conn, scope, collection)


async def list_members(
    conn: Connection, scope: Scope, collection: int, *, after: str | None = None, limit: int = 50
) -> Page[Terminal]:
    """One page of the terminals in scope that are in a collection now.

    By number where it is by hand, by code where it is by query.
    """
    scope.require(Right.TERMINALS_READ)
    found = await find(conn, scope, collection)
    wanted = scope.parameters() | {"id": found.id, "owner": found.group_client_id}
    wanted |= {"rows": keyset.rows_asked_for(limit)}
    if found.query is None:
        asked, key = sql.list_members, "id"
        wanted |= {"after": _number(after)}
    else:
        asked, key = sql.list_found, "code"
        wanted |= await _conditions(conn, scope, found.query) | {"after": after or ""}
    rows = await (await conn.execute(asked, wanted)).fetchall()
    ids = [row["id"] for row in rows[:limit]]
    named = {t.id: t for t in await terminal_lists.list_these(conn, scope, ids)}
    return keyset.page(rows, limit, lambda row: named[row["id"]], lambda row: str(row[key]))


async def filters_of(conn: Connection, scope: Scope, collection: int) -> Filters:
    """A collection as a filter of lists: of its owner's terminals those that are in it now."""
    scope.require(Right.COLLECTIONS_READ)
    found = await find(conn, scope, collection)
    owned = Filters(group_client=found.group_client_id)
    if found.query is None:
        return owned | Filters(member_of=found.id)
    query, wanted = found.query, await _conditions(conn, scope, found.query)
    return owned | Filters(
        also=Filters(
            prefix=query.prefix,
            group_client=wanted["group_client"],
            region=None if query.region is None else RegionRange(wanted["low"], wanted["high"]),
            state=query.state,
            profile=query.profile,
            sector=query.sector,
            tag=query.tag,
        )
    )


async def _owner(conn: Connection, scope: Scope, code: str | None) -> GroupClientId | None:
    """Whose a new collection is to be; None is the operator's."""
    if code is not None:
        return (await group_clients.find(conn, scope, code)).id
    if scope.everything or scope.region is not None:
        return None
    if len(scope.group_clients) != 1:
        raise CollectionOwnerMissing(field="group_client")
    return GroupClientId(next(iter(scope.group_clients)))


async def _checked(conn: Connection, scope: Scope, query: Query) -> dict[str, Any]:
    """The query as it is kept; what it names is in scope."""
    if query.group_client is not None:
        await group_clients.find(conn, scope, query.group_client)
    if query.region is not None:
        await regions.find(conn, scope, query.region)
    if query.profile is not None:
        await profiles.find(conn, scope, query.profile)
    kept = asdict(query) | {"tag": query.tag and particulars.normal_tag(query.tag)}
    return {name: value for name, value in kept.items() if value is not None}


async def _conditions(conn: Connection, scope: Scope, query: Query) -> dict[str, Any]:
    """The parameters that a query is; of a client that is not in scope it finds nothing."""
    wanted: dict[str, Any] = asdict(query) | {"low": None, "high": None}
    if query.group_client is not None:
        try:
            wanted["group_client"] = (await group_clients.find(conn, scope, query.group_client)).id
        except GroupClientNotFound:
            wanted["group_client"] = 0
    if query.region is not None:
        wanted["low"], wanted["high"] = (await regions.find(conn, scope, query.region)).range
    return wanted | keyset.prefix_range(query.prefix)


async def _ids(
    conn: Connection, scope: Scope, codes: Sequence[str], owner: GroupClientId | None
) -> dict[int, bool]:
    """Of each of these terminals its id, and whether the owner has it."""
    if len(codes) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE} terminals go in or out at once.")
    wanted = scope.parameters() | {"codes": list(codes), "owner": owner}
    rows = await (await conn.execute(sql.find_for_members, wanted)).fetchall()
    missing = set(codes) - {row["code"] for row in rows}
    if missing:
        raise TerminalNotFound(f"There is no terminal {min(missing)}.")
    return {row["id"]: row["is_owners"] for row in rows}


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    given = {"id": None, "group_client": None, "after": -1, "rows": 1}
    cursor = await conn.execute(sql.list_collections, scope.parameters() | given | wanted)
    return await cursor.fetchall()


def _collection(row: dict[str, Any]) -> Collection:
    kept = row["query"]
    query = None if kept is None else Query(**kept | {
        "state": TerminalState(kept["state"]) if "state" in kept else None,
        "sector": Sector(kept["sector"]) if "sector" in kept else None,
    })  # fmt: skip
    return Collection(**row | {"query": query})


def _number(after: str | None) -> int:
    return -1 if after is None else keyset.number(after)
