"""What people ask of exports: to have one made, how far it is, its file, and to be rid of it."""

import json
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import collections, group_clients, jobs, keyset, profiles, regions
from registry.model import Page
from registry.scope import Right, Scope
from telemetry import many_series, parquet
from telemetry.errors import MetricUnknown
from telemetry.exports.model import (
    MOST_AT_WORK,
    MOST_CODES,
    PART_BYTES,
    UNFINISHED,
    Bounds,
    Content,
    Export,
    ExportFormat,
    ExportInvalid,
    ExportNotDone,
    ExportNotFound,
    ExportOutOfSight,
    ExportQuotaReached,
    ExportsBusy,
    ExportsFull,
    ExportState,
    Wanted,
)
from telemetry.sight import check_window

sql = queries.load("telemetry.exports")

AREA = "export."
READ = f"{AREA}read"


async def ask(
    conn: Connection, scope: Scope, wanted: Wanted, form: ExportFormat, bounds: Bounds
) -> Export:
    """Have a window written into a file; what is named has to be in scope, now and when it is read.

    Raises what finding it does, `TimesInvalid`, `WindowTooLong`, `MetricUnknown`, `ExportInvalid`,
    `ParquetMissing`, `ExportsBusy`, `ExportQuotaReached` and `ExportsFull`.
    """
    scope.require(Right.TELEMETRY_READ)
    if form is ExportFormat.PARQUET:
        parquet.require()
    await _check(conn, scope, wanted)
    client = client_of(scope)
    whose = {"group_client_id": client, "actor": scope.actor}
    await conn.execute(sql.hold_quota, {"whose": scope.actor if client is None else str(client)})
    row = await (await conn.execute(sql.count_exports, whose)).fetchone()
    assert row is not None
    if row["at_work"] >= MOST_AT_WORK:
        raise ExportsBusy
    check_quota(row, more=1)
    if row["kept"] >= bounds.all_bytes:
        raise ExportsFull
    given = {
        "asked_by": scope.actor,
        "group_client_id": client,
        "wanted": json.dumps(wanted.document()),
        "format": form,
    }
    made = await (await conn.execute(sql.insert_export, given)).fetchone()
    assert made is not None
    await jobs.ask(conn, scope, READ, made["id"], None)
    await tell(conn, scope, made["id"], "ask")
    return await find(conn, scope, made["id"])


async def find(conn: Connection, scope: Scope, export_id: int) -> Export:
    """One export; ExportNotFound where it is somebody else's, or deleted."""
    scope.require(Right.TELEMETRY_READ)
    rows = await _read(conn, scope, id=export_id)
    if not rows:
        raise ExportNotFound(f"There is no export {export_id}.")
    return _export(rows[0])


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    state: ExportState | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Export]:
    """One page of the own exports, or everybody's for who sees everything, newest first."""
    scope.require(Right.TELEMETRY_READ)
    rows = await _read(
        conn,
        scope,
        state=state,
        after=None if after is None else keyset.number(after),
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, _export, lambda row: str(row["id"]))


async def delete(conn: Connection, scope: Scope, export_id: int) -> None:
    """Cancel an export that is not finished; of any other one take the file away, and the entry."""
    scope.require(Right.TELEMETRY_READ)
    await find(conn, scope, export_id)
    row = await (await conn.execute(sql.hold_export, {"id": export_id})).fetchone()
    assert row is not None
    unfinished = ExportState(row["state"]) in UNFINISHED
    if unfinished:
        await jobs.cancel(conn, scope, AREA, export_id)
    state = ExportState.CANCELLED if unfinished else ExportState.DELETED
    await conn.execute(sql.set_state, {"id": export_id, "state": state})
    await tell(conn, scope, export_id, "delete")


async def open_file(conn: Connection, scope: Scope, export_id: int) -> Export:
    """An export whose file the asker may have, for `read_part`.

    Raises `ExportNotFound`, `ExportNotDone`, and `ExportOutOfSight` where it holds what they may
    not see any more.
    """
    scope.require(Right.TELEMETRY_READ)
    found = await find(conn, scope, export_id)
    if found.state is not ExportState.DONE:
        why = found.problem_text or f"Export {export_id} is {found.state}."
        raise ExportNotDone(why)
    if found.has_card_numbers and Right.SIMS_READ not in scope.rights:
        raise ExportOutOfSight
    row = await (await conn.execute(sql.is_visible, {"id": export_id})).fetchone()
    if row is None or not row["visible"]:
        raise ExportOutOfSight
    return found


async def read_part(conn: Connection, scope: Scope, export_id: int, n: int) -> bytes:
    """One part of a file that was opened, PART_BYTES but for the last; ExportNotDone if gone."""
    scope.require(Right.TELEMETRY_READ)
    row = await (await conn.execute(sql.read_part, {"id": export_id, "n": n})).fetchone()
    if row is None:
        raise ExportNotDone(f"Export {export_id} has no file any more.")
    return bytes(row["bytes"])


def parts(first: int, last: int) -> list[tuple[int, int, int]]:
    """The parts in which the bytes from `first` to `last` stand, each with where in it."""
    found = []
    for n in range(first // PART_BYTES, last // PART_BYTES + 1):
        start = n * PART_BYTES
        found.append((n, max(first - start, 0), min(last - start + 1, PART_BYTES)))
    return found


async def tell(conn: Connection, scope: Scope, export_id: int, deed: str) -> None:
    """Write into the audit what is done of an export."""
    scope.require(Right.TELEMETRY_READ)
    await conn.execute(sql.tell, {"id": export_id, "deed": deed})


def client_of(scope: Scope) -> int | None:
    """The client whose tier bounds the asker: people of one; None is the operator's side."""
    if scope.everything or Right.CLIENT_FILES_READ in scope.rights:
        return None
    return min(scope.group_clients, default=None)


def check_quota(counted: dict[str, Any], more: int = 0) -> None:
    """Refuse what is beyond the tier: so many exports and bytes within 24 hours."""
    most, most_bytes = counted["exports_per_day"], counted["export_bytes_per_day"]
    if most is not None and counted["asked"] + more > most:
        raise ExportQuotaReached(f"Your tier allows {most} exports within 24 hours.")
    if most_bytes is not None and counted["bytes"] + more > most_bytes:
        raise ExportQuotaReached(f"Your tier allows {most_bytes} bytes of exports within 24 hours.")


async def _check(conn: Connection, scope: Scope, wanted: Wanted) -> None:
    check_window(wanted.start, wanted.end)
    sets = (wanted.collection, wanted.group_client, wanted.region)
    if sum(named is not None for named in sets) + bool(wanted.terminals) != 1:
        raise ExportInvalid(field="terminals")
    if wanted.terminals:
        await many_series.find_all(conn, scope, wanted.terminals, most=MOST_CODES)
    elif wanted.collection is not None:
        await collections.find(conn, scope, wanted.collection)
    elif wanted.group_client is not None:
        await group_clients.find(conn, scope, wanted.group_client)
    elif wanted.region is not None:
        await regions.find(conn, scope, wanted.region)
    if wanted.profile is not None:
        found = await profiles.find(conn, scope, wanted.profile)
        known = {metric.name for metric in found.metrics if not metric.hidden}
        for name in wanted.metrics:
            if name not in known:
                raise MetricUnknown(f"The profile has no metric {name[:80]}.", field="metrics")
    if wanted.metrics and wanted.content is Content.EVENTS:
        raise ExportInvalid("Events have no metrics.", field="metrics")


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    anything = {"id": None, "state": None, "after": None, "rows": 1}
    asked = anything | wanted | {"everything": scope.everything, "actor": scope.actor}
    return await (await conn.execute(sql.list_exports, asked)).fetchall()


def _export(row: dict[str, Any]) -> Export:
    typed = {
        "wanted": Wanted.of(row["wanted"]),
        "format": ExportFormat(row["format"]),
        "state": ExportState(row["state"]),
        "sha256": row["sha256"] and bytes(row["sha256"]),
    }
    return Export(**row | typed)
