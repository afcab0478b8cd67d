"""The rules that hold in scope by pages, how many of them are violated, and what they cover."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from registry import keyset, regions
from registry.bindings import Binding, Mode, Verdict, Violation, binding_of
from registry.model import GroupClientId, Page, RegionRange
from registry.scope import Right, Scope
from registry.sim_ways import Way, walk

sql = queries.load("registry", "binding_lists.sql")

MOST_COUNTED = 10_000
_NOWHERE, _EVERYWHERE = RegionRange(0, -1), RegionRange(-(2**31), 2**31 - 1)
# With so many digits known, few numbers begin so: the rest is looked for among them.
_TELLING_DIGITS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundSim:
    """A line of the list of bindings: whose the SIM is and where it is on record, and its rule."""

    group_client: str | None
    group_client_name: str | None
    region_code: int
    terminal: str | None
    binding: Binding


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of bindings is narrowed to; without `mode`, SIMs that are bound.

    `iccid` is how the SIM's begins, `group_client` stands for itself and all below it.
    """

    verdict: Verdict | None = None
    violation: Violation | None = None
    mode: Mode | None = None
    group_client: GroupClientId | None = None
    region: RegionRange | None = None
    iccid: str | None = None


_BY_SIM = Way("s", sql.list_bindings_by_sim, ids="sim_id")
_BY_ICCID = Way("i", sql.list_bindings_by_iccid, "iccid", ids="sim_id")
_BY_REGION = Way("r", sql.list_bindings_by_region, "region_code", -1, ids="sim_id")
_BY_CLIENT = Way("o", sql.list_bindings_by_client, "group_client_id", -1, ids="sim_id")
_ELSEWHERE = Way("e", sql.list_bindings_elsewhere, "group_client_id", -1, ids="sim_id")


async def list_page(
    conn: Connection,
    scope: Scope,
    search: Search | None = None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[BoundSim]:
    """One page of the rules that hold in scope, in the order that an index gives.

    By ICCID if most of it is known; the violated, which are few, by SIM; of a client by owner, of a
    region by region; else by SIM. A narrower scope lists the SIMs of its region, then those that
    its clients have elsewhere.
    """
    scope.require(Right.SIMS_READ)
    search = search or Search()
    within = search.region or _EVERYWHERE
    ways = _ways(search, whole=scope.everything or await regions.covers_all(conn, scope))
    if _ELSEWHERE in ways:
        within = scope.region or _NOWHERE
    wanted: dict[str, Any] = {
        "low": within.low,
        "high": within.high,
        "group_client": search.group_client,
    }
    wanted |= {"verdict": search.verdict, "violation": search.violation, "mode": search.mode}
    begins = keyset.prefix_range(search.iccid)
    wanted |= {"iccid_low": begins["prefix_low"], "iccid_high": begins["prefix_high"]}
    return await walk(conn, scope, ways, wanted, after, limit, lambda row: _bound(row, scope))


def _ways(search: Search, *, whole: bool) -> list[Way]:
    if len(search.iccid or "") >= _TELLING_DIGITS:
        return [_BY_ICCID]
    narrowed = search.region is not None or search.group_client is not None
    if search.verdict is Verdict.VIOLATED and (whole or narrowed):
        return [_BY_SIM]
    if search.group_client is not None:
        return [_BY_CLIENT]
    if search.region is not None:
        return [_BY_REGION]
    if not whole:
        return [_BY_REGION, _ELSEWHERE]
    return [_BY_ICCID] if search.iccid else [_BY_SIM]


def _bound(row: dict[str, Any], scope: Scope) -> BoundSim:
    return BoundSim(
        group_client=row["group_client_code"],
        group_client_name=row["group_client_name"],
        region_code=row["region_code"],
        terminal=row["terminal_code"],
        binding=binding_of(row, scope),
    )


@dataclass(frozen=True, slots=True)
class Violated:
    """How many rules are violated, by how; `exact` up to MOST_COUNTED of them."""

    kinds: Mapping[Violation, int]

    @property
    def total(self) -> int:
        """All of them, or MOST_COUNTED."""
        return min(sum(self.kinds.values()), MOST_COUNTED)

    @property
    def exact(self) -> bool:
        """Whether there are no more than were counted."""
        return sum(self.kinds.values()) <= MOST_COUNTED


async def count_violations(conn: Connection, scope: Scope) -> Violated:
    """How many rules in scope are violated, the commonest way first."""
    scope.require(Right.SIMS_READ)
    wanted = Jsonb(scope.parameters() | {"most": MOST_COUNTED + 1})
    cursor = await conn.execute(sql.count_violations, {"wanted": wanted})
    return Violated({Violation(row["violation"]): row["rules"] async for row in cursor})


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of a province's SIMs in use, how many are bound, and with which verdict.

    A SIM is in use while it is in a terminal that may connect.
    """

    region_code: int
    in_use: int
    bound: int
    ok: int
    violated: int
    unproven: int

    @property
    def proven(self) -> int:
        """Bound SIMs whose terminals have said enough for a verdict."""
        return self.ok + self.violated

    @property
    def coverage(self) -> float:
        """The share of the SIMs in use that is proven; 0 where none is in use."""
        return self.proven / self.in_use if self.in_use else 0.0


async def cover(conn: Connection, scope: Scope) -> tuple[Coverage, ...]:
    """The coverage of the SIMs in scope, by province."""
    scope.require(Right.SIMS_READ)
    cursor = await conn.execute(sql.cover_bindings, {"wanted": Jsonb(scope.parameters())})
    return tuple([Coverage(**row) async for row in cursor])
