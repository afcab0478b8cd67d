"""What who scrapes a group client is told: its own terminals' newest values, or aggregates of them.

Read at once and packed: a series is twelve bytes here until it is written out. Silent terminals
have no values, and a value of an earlier owner's time is nobody's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation import queries
from foundation.database import Connection, apply_settings
from registry import keyset
from registry.errors import GroupClientNotFound
from registry.model import Page
from registry.scope import Right, Scope

sql = queries.load("telemetry", "exposition.sql")

MOST_SERIES = 2_000_000
"""As many series as one answer has, whatever a tier says."""

# A scrape walks from terminal to terminal, on one core, and gives up before its scraper does.
_BOUNDS = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "statement_timeout": "10s",
}

Int32s = NDArray[np.int32]
Float64s = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The terminals of a profile: how many there are, are heard of, and do not fall silent.

    Packed, those that are heard of in order of their numbers: `codes`, and `last_seen` in Unix
    seconds.
    """

    profile: str
    terminals: int
    heard: int
    online: int
    ids: Int32s
    codes: Sequence[str]
    last_seen: Float64s


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest values of a metric, of the terminals of a profile that do not fall silent.

    Packed, `places` are those of the terminals among `Heard`, in their order.
    """

    profile: str
    metric: str
    unit: str | None
    title: str
    series: int
    lowest: float
    highest: float
    mean: float
    places: NDArray[np.int64]
    values: Float64s


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """What there is to tell of a client; nothing is packed where it `is_aggregated`."""

    heard: Sequence[Heard]
    newest: Sequence[Newest]
    series: int
    most: int
    as_of: datetime | None
    metrics: dict[str, frozenset[str]] = field(repr=False)
    """The metrics that each profile shows as numbers."""

    @property
    def is_aggregated(self) -> bool:
        return self.series > self.most


@dataclass(frozen=True, slots=True)
class Target:
    """A client to be scraped; of what it is called only its code."""

    code: str
    region_code: int
    province_code: int
    industry_code: str
    tier_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesUse:
    """How many series a client's terminals are, if all are heard of with every metric, and its cap.

    `cap` is what a tier and the bound of one answer allow.
    """

    code: str
    name: str
    tier_code: str
    terminals: int
    series: int
    cap: int

    @property
    def may_be_aggregated(self) -> bool:
        """Whether aggregates may have to stand instead of terminals."""
        return self.series > self.cap


async def read(conn: Connection, scope: Scope, code: str) -> Exposed:
    """What is to be told of the client of that code; GroupClientNotFound when none is in scope."""
    scope.require(Right.METRICS_SCRAPE)
    found = await conn.execute(sql.find_exposed_client, scope.parameters() | {"code": code})
    client = await found.fetchone()
    if client is None:
        raise GroupClientNotFound(f"There is no group client {code}.")
    most = _most(client["series_cap"])
    await apply_settings(conn, _BOUNDS)
    cursor = await conn.execute(sql.bound_series, {"client_id": client["id"]})
    bound = await cursor.fetchone()
    assert bound is not None
    packed = bound["series"] <= most
    exposed = await _read(conn, client["id"], client["as_of"], most, packed=packed)
    if packed or exposed.is_aggregated:
        return exposed
    return await _read(conn, client["id"], client["as_of"], most, packed=True)


async def list_targets(
    conn: Connection, scope: Scope, *, after: str = "", limit: int = keyset.MOST_ROWS
) -> Page[Target]:
    """A page of the clients in scope that have terminals, by code."""
    scope.require(Right.METRICS_SCRAPE)
    asked = {"after": after, "rows": keyset.rows_asked_for(limit)}
    rows = await (await conn.execute(sql.list_targets, scope.parameters() | asked)).fetchall()
    targets = [
        Target(
            row["code"],
            row["region_code"],
            row["province_code"],
            row["industry_code"],
            row["tier_code"],
        )
        for row in rows
    ]
    return keyset.page(targets, limit, lambda target: target, lambda target: target.code)


async def list_use(
    conn: Connection, scope: Scope, *, after: str | None = None, limit: int = 50
) -> Page[SeriesUse]:
    """A page of the clients in scope that have terminals, by code, with the series they use."""
    scope.require(Right.GROUP_CLIENTS_READ)
    asked = {"after": after or "", "rows": keyset.rows_asked_for(limit)}
    rows = await (await conn.execute(sql.list_series_use, scope.parameters() | asked)).fetchall()
    return keyset.page(
        rows, limit, lambda row: SeriesUse(cap=_most(row.pop("series_cap")), **row), _code
    )


def _code(row: dict[str, Any]) -> str:
    return str(row["code"])


def _most(cap: int | None) -> int:
    return MOST_SERIES if cap is None else min(cap, MOST_SERIES)


async def _read(
    conn: Connection, client_id: int, as_of: datetime | None, most: int, *, packed: bool
) -> Exposed:
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(sql.read_newest, {"client_id": client_id, "packed": packed})
        rows = await cursor.fetchall()
    numbers = sorted({row["profile_id"] for row in rows})
    shown = await conn.execute(sql.list_exposed_metrics, {"profile_ids": numbers})
    profiles: dict[int, str] = {}
    metrics: dict[tuple[int, str], dict[str, Any]] = {}
    async for row in shown:
        profiles[row["profile_id"]] = row["profile"]
        if row["name"] is not None:
            metrics[row["profile_id"], row["name"]] = row
    heard = {
        row["profile_id"]: _heard(row, profiles[row["profile_id"]])
        for row in rows
        if row["metric"] is None
    }
    newest = [
        _newest(row, metrics[key], heard[row["profile_id"]])
        for row in rows
        if (key := (row["profile_id"], row["metric"])) in metrics
    ]
    of_profile = {
        code: frozenset(name for profile_id, name in metrics if profile_id == number)
        for number, code in profiles.items()
    }
    return Exposed(
        heard=sorted(heard.values(), key=lambda one: one.profile),
        newest=sorted(newest, key=lambda one: (one.metric, one.profile)),
        series=sum(one.heard for one in heard.values()) + sum(one.series for one in newest),
        most=most,
        as_of=as_of,
        metrics=of_profile,
    )


def _heard(row: dict[str, Any], profile: str) -> Heard:
    ids = _ids(row)
    order = np.argsort(ids)
    codes = row["codes"] or []
    return Heard(
        profile=profile,
        terminals=row["terminals"],
        heard=row["heard"],
        online=row["series"],
        ids=ids[order],
        codes=[codes[place] for place in order.tolist()],
        last_seen=_numbers(row)[order],
    )


def _newest(row: dict[str, Any], metric: dict[str, Any], heard: Heard) -> Newest:
    places = np.searchsorted(heard.ids, _ids(row))
    order = np.argsort(places)
    return Newest(
        profile=heard.profile,
        metric=metric["name"],
        unit=metric["unit"],
        title=metric["title"],
        series=row["series"],
        lowest=row["lowest"],
        highest=row["highest"],
        mean=math.nan if row["mean"] is None else row["mean"],
        places=places[order],
        values=_numbers(row)[order],
    )


def _ids(row: dict[str, Any]) -> Int32s:
    return np.frombuffer(row["ids"] or b"", ">i4").astype(np.int32)


def _numbers(row: dict[str, Any]) -> Float64s:
    return np.frombuffer(row["numbers"] or b"", ">f8").astype(np.float64)
