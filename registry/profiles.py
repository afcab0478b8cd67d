"""Device profiles: for all to read, the headquarters' to define; each is a table of telemetry."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TypedDict, Unpack

from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from registry.conditions import Condition
from registry.errors import MetricNotFound, ProfileNotFound
from registry.model import DeviceProfile, Metric, MetricType, Pause, ProfileId, Sector
from registry.scope import Right, Scope

sql = queries.load("registry", "profiles.sql")


class Change(TypedDict, total=False):
    """What can be changed of a live profile; what is not named stays, None is for ever."""

    raw_days: int | None
    rollup_days: int | None


async def define(conn: Connection, scope: Scope, profile: DeviceProfile) -> DeviceProfile:
    """Put a profile on the roll and make its table; the bridge takes its readings at once.

    Returns it with its id. `profile` is as `profile_document.parse` gives it.
    """
    scope.require(Right.PROFILES_DEFINE)
    cursor = await conn.execute(
        sql.insert_profile,
        {
            "code": profile.code,
            "sector": profile.sector,
            "title_zh": profile.title_zh,
            "title_en": profile.title_en,
            "codec": profile.codec,
            "codec_options": Jsonb(dict(profile.codec_options)),
            "expected_interval_seconds": profile.expected_interval_seconds,
            "clock_back_seconds": profile.clock_back_seconds,
            "clock_ahead_seconds": profile.clock_ahead_seconds,
            "chunk_days": profile.chunk_days,
            "raw_days": profile.raw_days,
            "rollup_days": profile.rollup_days,
            "pauses": Jsonb([asdict(pause) for pause in profile.pauses]),
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    profile_id = ProfileId(row["id"])
    await _insert_metrics(conn, profile_id, profile.metrics)
    await conn.execute(sql.ensure_table, {"profile_id": profile_id})
    return await find(conn, scope, profile.code)


async def add_metric(conn: Connection, scope: Scope, code: str, metric: Metric) -> DeviceProfile:
    """Give a profile, live or not, one more metric at its end; stored readings lack it."""
    scope.require(Right.PROFILES_DEFINE)
    profile_id = await _change(conn, code)
    await _insert_metrics(conn, profile_id, [metric])
    await conn.execute(sql.ensure_table, {"profile_id": profile_id})
    return await find(conn, scope, code)


async def hide_metric(conn: Connection, scope: Scope, code: str, name: str) -> DeviceProfile:
    """Stop showing a metric; what comes of it is stored still, and its name stays taken."""
    scope.require(Right.PROFILES_DEFINE)
    profile_id = await _change(conn, code)
    hidden = await conn.execute(sql.hide_metric, {"profile_id": profile_id, "name": name})
    if not hidden.rowcount:
        raise MetricNotFound(f"The profile {code} has no metric {name}.")
    await conn.execute(sql.ensure_table, {"profile_id": profile_id})
    return await find(conn, scope, code)


async def change(
    conn: Connection, scope: Scope, code: str, **changed: Unpack[Change]
) -> DeviceProfile:
    """Keep readings and roll-ups of a profile for longer, or for a shorter time from now on."""
    scope.require(Right.PROFILES_DEFINE)
    profile_id = await _change(conn, code)
    found = await find(conn, scope, code)
    wanted = {name: changed.get(name, getattr(found, name)) for name in Change.__annotations__}
    await conn.execute(sql.keep_for, wanted | {"profile_id": profile_id})
    return await find(conn, scope, code)


async def find(conn: Connection, scope: Scope, code: str) -> DeviceProfile:
    """The profile of that code; ProfileNotFound when there is none."""
    scope.require(Right.PROFILES_READ)
    found = await _read(conn, code)
    if not found:
        raise ProfileNotFound(f"There is no device profile {code}.")
    return found[0]


async def list_all(conn: Connection, scope: Scope) -> tuple[DeviceProfile, ...]:
    """Every profile, by code: a few dozen in any deployment, so there are no pages."""
    scope.require(Right.PROFILES_READ)
    return await _read(conn, None)


async def _change(conn: Connection, code: str) -> ProfileId:
    """Count the change, which also makes two changers of one profile wait for each other."""
    cursor = await conn.execute(sql.count_change, {"code": code})
    row = await cursor.fetchone()
    if row is None:
        raise ProfileNotFound(f"There is no device profile {code}.")
    return ProfileId(row["id"])


async def _insert_metrics(
    conn: Connection, profile_id: ProfileId, metrics: Iterable[Metric]
) -> None:
    for metric in metrics:
        await conn.execute(
            sql.insert_metric,
            {
                "profile_id": profile_id,
                "name": metric.name,
                "type": metric.type,
                "decimals": metric.decimals,
                "unit": metric.unit,
                "low": metric.low,
                "high": metric.high,
                "title_zh": metric.title_zh,
                "title_en": metric.title_en,
                "hidden": metric.hidden,
                "conditions": Jsonb([asdict(condition) for condition in metric.conditions]),
            },
        )


async def _read(conn: Connection, code: str | None) -> tuple[DeviceProfile, ...]:
    cursor = await conn.execute(sql.list_profiles, {"code": code})
    return tuple([_profile(row) async for row in cursor])


def _profile(row: dict[str, Any]) -> DeviceProfile:
    metrics = tuple(map(_metric, row.pop("metrics")))
    pauses = tuple(Pause(**written) for written in row["pauses"])
    return DeviceProfile(
        **row | {"sector": Sector(row["sector"]), "metrics": metrics, "pauses": pauses}
    )


def _metric(written: dict[str, Any]) -> Metric:
    bounds = {
        end: None if written[end] is None else float(written[end])  # JSON writes 180.0 as 180
        for end in ("low", "high")
    }
    conditions = tuple(Condition(**one) for one in written["conditions"])
    kind = MetricType(written["type"])
    return Metric(**written | bounds | {"type": kind, "conditions": conditions})
