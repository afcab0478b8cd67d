"""Yardstick: the plain way, as one would write it in an afternoon.

aiomqtt's message iterator, the standard json module, and psycopg's `executemany` by the thousand,
or by the second when less comes. aiomqtt acknowledges a message when it arrives, before anything is
stored.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import psycopg
import typer

TABLE = "telemetry.bench_plain"
COLUMNS = "time, terminal_id, delay_seconds, voltage, current, power, temperature"
_ROWS_AT_ONCE = 1000
_LONGEST_WAIT_SECONDS = 1.0
_INSERT = (
    f"insert into {TABLE} ({COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing"  # noqa: S608
)
Row = tuple[Any, ...]


def main(
    url: str,
    password: str,
    topic: str,
    dsn: str,
    qos: int,
    count: int,
    persistent: bool = False,
) -> None:
    """Insert what comes below `topic` until `count` messages are committed."""
    asyncio.run(_ingest(url, password, topic, dsn, qos, count, persistent=persistent))


async def _ingest(
    url: str, password: str, topic: str, dsn: str, qos: int, count: int, *, persistent: bool
) -> None:
    parts = urlsplit(url)
    user = parts.username or ""
    async with (
        await psycopg.AsyncConnection.connect(dsn) as conn,
        aiomqtt.Client(
            parts.hostname or "",
            parts.port or 1883,
            identifier=user,
            username=user,
            password=password,
            clean_session=not persistent,
        ) as client,
        asyncio.TaskGroup() as tasks,
    ):
        cursor = await conn.execute("select code, id from registry.terminal")
        ids: dict[str, int] = dict(await cursor.fetchall())
        await conn.commit()
        await client.subscribe(topic, qos=qos)
        say({"ready": True})
        rows: list[Row] = []
        stored = 0
        alone = asyncio.Lock()

        async def store() -> None:
            nonlocal stored
            async with alone:
                taken, rows[:] = list(rows), []
                if taken:
                    await conn.cursor().executemany(_INSERT, taken)
                    await conn.commit()
                    stored += len(taken)

        async def store_what_waits() -> None:
            while True:
                await asyncio.sleep(_LONGEST_WAIT_SECONDS)
                await store()

        ticking = tasks.create_task(store_what_waits())
        async for message in client.messages:
            rows.append(row_of(ids, str(message.topic), message.payload))
            if len(rows) >= _ROWS_AT_ONCE or stored + len(rows) >= count:
                await store()
                if stored >= count:
                    say({"count": stored, "last_us": time.time_ns() // 1000})
                    break
        ticking.cancel()


def row_of(ids: dict[str, int], topic: str, payload: Any) -> Row:
    """What a message of the load says, as a row of the table."""
    document = json.loads(payload)
    values = document["values"]
    at = datetime.fromtimestamp(document["ts"] / 1000, UTC)
    return (
        at,
        ids[topic.split("/")[2]],
        int(time.time() - document["ts"] / 1000),
        values["voltage"],
        values["current"],
        values["power"],
        values["temperature"],
    )


def say(document: dict[str, object]) -> None:
    """A line for the benchmark."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
