"""Yardstick: the plain way, as one would write it in an afternoon.

aiomqtt's message iterator, the standard json module, and psycopg's `executemany` by the thousand.
aiomqtt acknowledges a message when it arrives, before anything is stored.
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

_ROWS_AT_ONCE = 1000
_INSERT = (
    "insert into telemetry.bench_plain"
    " (time, terminal_id, delay_seconds, voltage, current, power, temperature)"
    " values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing"
)


def main(url: str, password: str, topic: str, dsn: str, qos: int, count: int) -> None:
    """Insert what comes below `topic` until `count` messages are committed."""
    asyncio.run(_ingest(url, password, topic, dsn, qos, count))


async def _ingest(url: str, password: str, topic: str, dsn: str, qos: int, count: int) -> None:
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
            clean_session=True,
        ) as client,
    ):
        cursor = await conn.execute("select code, id from registry.terminal")
        ids: dict[str, int] = dict(await cursor.fetchall())
        await conn.commit()
        await client.subscribe(topic, qos=qos)
        _say({"ready": True})
        rows: list[tuple[Any, ...]] = []
        stored = 0
        async for message in client.messages:
            rows.append(_row(ids, str(message.topic), message.payload))
            if len(rows) == _ROWS_AT_ONCE or stored + len(rows) == count:
                await conn.cursor().executemany(_INSERT, rows)
                await conn.commit()
                stored += len(rows)
                rows.clear()
                if stored == count:
                    _say({"count": stored, "last_us": time.time_ns() // 1000})
                    return


def _row(ids: dict[str, int], topic: str, payload: Any) -> tuple[Any, ...]:
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


def _say(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    typer.run(main)
