"""The supervision tree: headquarters, provinces, cities. Reference data, the same for everybody."""

import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry.errors import RegionNotFound
from registry.model import Industry, Region, RegionLevel, Tier
from registry.scope import Right, Scope

sql = queries.load("registry")

KEPT_SECONDS = 30.0
"""For so long a process goes on with the tree that it has read, unless it changes it itself."""

# When the tree of a database was read, and the tree.
_kept: dict[tuple[str, int, str], tuple[float, tuple[Region, ...]]] = {}


async def find(conn: Connection, scope: Scope, code: int) -> Region:
    """The region of that code; RegionNotFound when there is none."""
    scope.require(Right.REGIONS_READ)
    row = await (await conn.execute(sql.find_region, {"code": code})).fetchone()
    if row is None:
        raise RegionNotFound(f"There is no region {code}.")
    return _region(row)


async def list_all(conn: Connection, scope: Scope) -> tuple[Region, ...]:
    """The whole tree, parents before their children: some hundred nodes, so there are no pages."""
    scope.require(Right.REGIONS_READ)
    read_at, tree = _kept.get(_place(conn), (-KEPT_SECONDS, ()))
    now = time.monotonic()
    if not tree or now - read_at >= KEPT_SECONDS:
        tree = tuple([_region(row) async for row in await conn.execute(sql.list_regions)])
        _kept[_place(conn)] = now, tree
    return tree


async def covers_all(conn: Connection, scope: Scope) -> bool:
    """Whether the region of a scope is the whole tree."""
    scope.require(Right.REGIONS_READ)
    if scope.region is None:
        return False
    row = await (await conn.execute(sql.covers_every_region, scope.parameters())).fetchone()
    return bool(row and row["whole"])


async def put(
    conn: Connection,
    scope: Scope,
    regions: Iterable[Region],
    industries: Iterable[Industry],
    tiers: Iterable[Tier],
) -> None:
    """Take over a country's reference data, parents first; what is there already is brought up.

    Tiers that are tried come after those that they fall back to.
    """
    scope.require(Right.REGIONS_DEFINE)
    _kept.pop(_place(conn), None)
    cursor = conn.cursor()
    await cursor.executemany(sql.put_region, [asdict(region) for region in regions])
    await cursor.executemany(
        sql.put_industry,
        [
            {
                "code": industry.code,
                "title_zh": industry.title_zh,
                "title_en": industry.title_en,
                "class": industry.industry_class,
            }
            for industry in industries
        ],
    )
    for_good_first = sorted(tiers, key=lambda tier: tier.after_trial is not None)
    await cursor.executemany(sql.put_tier, [asdict(tier) for tier in for_good_first])


def _place(conn: Connection) -> tuple[str, int, str]:
    return conn.info.host, conn.info.port, conn.info.dbname


def _region(row: dict[str, Any]) -> Region:
    return Region(**row | {"level": RegionLevel(row["level"])})
