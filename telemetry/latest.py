"""The newest value of every metric of every terminal, kept from the feed.

Follows `telemetry.batch` under the name `latest`, coalesces what it finds and writes it guarded by
time, with its place in the feed in the same transaction: no order of batches and no repetition
moves a value back or leaves one out.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import numpy as np

from foundation import queries
from foundation.database import Connection
from telemetry import batches
from telemetry.batches import Batch
from telemetry.rows import MOST_EXACT, Int64s, Values

sql = queries.load("telemetry")

FOLLOWER = "latest"


Before = Callable[[Connection, Sequence[Batch]], Awaitable[object]]


async def catch_up(conn: Connection, before: Before | None = None) -> int:
    """Take over the feed's next batches in the caller's transaction; returns how many came.

    Who is to see them while the newest values are those before them is told first.
    """
    followed = await batches.follow(conn, FOLLOWER)
    if not followed:
        return 0
    if before is not None:
        await before(conn, followed)
    await conn.execute(sql.keep_latest, _newest(followed))
    await batches.advance(conn, FOLLOWER, followed)
    return len(followed)


def _newest(followed: Sequence[Batch]) -> dict[str, list[Any]]:
    """Of each terminal's each metric the newest value, as the columns of `keep_latest`."""
    kept: dict[str, list[Any]] = {
        name: [] for name in ("terminal_ids", "metrics", "times_us", "numbers", "texts")
    }
    by_metric: dict[tuple[str, str], list[tuple[Int64s, Int64s, Values]]] = {}
    for batch in followed:
        if not batch.has_readings:
            continue
        for name, column in batch.columns.items():
            chosen = column.present
            numbers = column.numbers()[chosen]
            by_metric.setdefault((name, numbers.dtype.kind), []).append(
                (batch.terminal_ids[chosen].astype(np.int64), batch.times_us[chosen], numbers)
            )
    for (name, kind), parts in by_metric.items():
        ids, times, values = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.lexsort((times, ids))
        ids, times, values = ids[order], times[order], values[order]
        last = np.append(ids[1:] != ids[:-1], True)
        kept["terminal_ids"] += ids[last].tolist()
        kept["metrics"] += [name] * int(last.sum())
        kept["times_us"] += times[last].tolist()
        plain, texts = _split(values[last].tolist(), kind)
        kept["numbers"] += plain
        kept["texts"] += texts
    return kept


def _split(values: Sequence[Any], kind: str) -> tuple[Iterable[float | None], Iterable[str | None]]:
    """Values as number and text: text where it is text, or an integer that a double would round."""
    if kind == "O":
        return [None] * len(values), values
    texts = [
        str(value) if kind == "i" and not -MOST_EXACT <= value <= MOST_EXACT else None
        for value in values
    ]
    return map(float, values), texts
