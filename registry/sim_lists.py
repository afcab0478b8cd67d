"""The SIMs in scope by pages: whatever is asked for, an index gives the order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset, regions, sims
from registry.model import GroupClientId, Page, RegionRange, SimState
from registry.scope import Right, Scope
from registry.sim_model import Sim
from registry.sim_ways import LONG_AGO, Way, walk

sql = queries.load("registry", "sim_lists.sql")

_NOWHERE, _EVERYWHERE = RegionRange(0, -1), RegionRange(-(2**31), 2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a list of SIMs is narrowed to; None asks for nothing.

    `group_client` stands for itself and all below it, `region` for its subtree. Prefixes are of
    ICCID, IMSI and MSISDN. A SIM that is not `installed` is in stock. Of those whose period
    `ends_before` an instant, and of those that `activates_before` it by themselves, the next ones
    come first. `order_ref` is for those who read imports.
    """

    iccid: str | None = None
    imsi: str | None = None
    msisdn: str | None = None
    group_client: GroupClientId | None = None
    region: RegionRange | None = None
    state: SimState | None = None
    plan: str | None = None
    apn: str | None = None
    order_ref: str | None = None
    installed: bool | None = None
    ends_before: datetime | None = None
    activates_before: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        """The same as parameters of every query here."""
        found: dict[str, Any] = {}
        for name in ("iccid", "imsi", "msisdn"):
            limits = keyset.prefix_range(getattr(self, name))
            found |= {f"{name}_{end.removeprefix('prefix_')}": v for end, v in limits.items()}
        for name in ("group_client", "state", "plan", "apn", "order_ref", "installed",
                     "ends_before", "activates_before"):  # fmt: skip
            found[name] = getattr(self, name)
        return found


_ICCID = Way("i", sql.list_sims_by_iccid, "iccid")
_IMSI = Way("m", sql.list_sims_by_imsi, "imsi")
_MSISDN = Way("n", sql.list_sims_by_msisdn, "msisdn")
_REGION = Way("r", sql.list_sims_by_region, "region_code", -1)
_CLIENT = Way("o", sql.list_sims_by_client, "group_client_id", -1)
_ELSEWHERE = Way("e", sql.list_sims_elsewhere, "group_client_id", -1)
_STATE, _PLAN = Way("s", sql.list_sims_by_state), Way("p", sql.list_sims_by_plan)
_APN, _ORDER = Way("a", sql.list_sims_by_apn), Way("w", sql.list_sims_by_order)
_PERIOD = Way("t", sql.list_sims_by_period, "period_until", LONG_AGO)
_ACTIVATION = Way("u", sql.list_sims_by_activation, "activates_at", LONG_AGO)

# With so many digits known, few numbers begin so: the rest is looked for among them.
_PREFIXES = ((_ICCID, "iccid", 15), (_IMSI, "imsi", 11), (_MSISDN, "msisdn", 9))


async def list_page(
    conn: Connection,
    scope: Scope,
    search: Search | None = None,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[Sim]:
    """One page of the SIMs in scope, in the order that an index gives the narrowest of the search.

    A narrower scope lists what is in its region, then what its clients, or those it supervises,
    have elsewhere. `after` is the `next_key` of the page before, with the same search.
    """
    scope.require(Right.SIMS_READ)
    search = search or Search()
    if search.order_ref is not None:
        scope.require(Right.IMPORTS_READ)
    ways = _ways(search, whole=scope.everything or await regions.covers_all(conn, scope))
    within = search.region or _EVERYWHERE
    if _ELSEWHERE in ways:
        within = scope.region or _NOWHERE
    wanted = search.parameters() | {"low": within.low, "high": within.high}
    return await walk(conn, scope, ways, wanted, after, limit, sims.of_row)


def _ways(search: Search, *, whole: bool) -> list[Way]:
    for way, name, digits in _PREFIXES:
        if len(getattr(search, name) or "") >= digits:
            return [way]
    if search.order_ref is not None:
        return [_ORDER]
    if search.group_client is not None:
        return [_CLIENT]
    if search.activates_before is not None:
        return [_ACTIVATION]
    if search.ends_before is not None:
        return [_PERIOD]
    if search.region is not None:
        return [_REGION]
    if not whole:
        return [_REGION, _ELSEWHERE]
    for way, name, _ in _PREFIXES:
        if getattr(search, name):
            return [way]
    for way, given in ((_PLAN, search.plan), (_APN, search.apn), (_STATE, search.state)):
        if given is not None:
            return [way]
    return [_ICCID]
