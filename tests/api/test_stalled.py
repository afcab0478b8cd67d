"""Who takes nothing of much, or does not end what they say (F38 of the faults): what they hold."""

import asyncio
import socket
from contextlib import ExitStack

import psycopg

from telemetry.exports.model import PART_BYTES
from tests.api.conftest import asking
from tests.api.served import said, served
from tests.api.test_exports import EXPORTS, made, measured
from tests.api.test_limits import limited
from tests.api.world import World

_CONNECTIONS = 2
_READERS = 5
_PARTS = 20  # 10 MiB, of which the line itself takes some
_IN_TRANSACTION = """
select count(*) from pg_stat_activity
where datname = current_database() and usename = 'muster_api' and xact_start is not null
"""


def asks(port: int, path: str, key: str) -> socket.socket:
    """Somebody who asks over a narrow line and then does not read."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", port))
    reader.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    )
    return reader


def grown(house: World, export: int) -> None:
    """Its file is as long as one of a big window."""
    with psycopg.connect(house.database.superuser) as conn:
        conn.execute("delete from registry.export_part where export_id = %s", (export,))
        conn.execute(
            "insert into registry.export_part (export_id, n, bytes)"
            " select %s, n, decode(repeat('00', %s), 'hex') from generate_series(0, %s) n",
            (export, PART_BYTES, _PARTS - 1),
        )
        conn.execute(
            "update registry.export set size_bytes = %s where id = %s",
            (_PARTS * PART_BYTES, export),
        )


async def test_who_takes_nothing_holds_no_connection_and_is_cut_off(house: World) -> None:
    """More of them than there are connections: others are answered, and each line ends."""
    measured(house)
    few = {"database_pool_size": _CONNECTIONS, "stalled_seconds": 2}
    async with (
        limited(house, **few) as app,
        served(app) as port,
        asking(app, house.keys["power"]) as client,
    ):
        export = await made(client, house, terminals=["METER-1"])
        grown(house, export["id"])
        path = f"{EXPORTS}/{export['id']}/file"
        with ExitStack() as stack:
            for _ in range(_READERS):
                stack.enter_context(asks(port, path, house.keys["power"]))
            given_up = f"muster_api_abandoned_total {_READERS}.0"
            async with asyncio.timeout(60):
                while given_up not in (await client.get("/metrics")).text:
                    assert (await client.get(EXPORTS)).status_code == 200
                    await asyncio.sleep(0.1)
        with psycopg.connect(house.database.superuser) as conn:
            assert conn.execute(_IN_TRANSACTION).fetchall() == [(0,)]


async def test_who_does_not_end_a_body_holds_no_connection_and_is_cut_off(house: World) -> None:
    """408 with a problem, though no more comes than its beginning; others are answered."""
    few = {"database_pool_size": _CONNECTIONS, "stalled_seconds": 2}
    async with (
        limited(house, **few) as app,
        served(app) as port,
        asking(app, house.keys["admin"]) as client,
    ):
        beginning = (
            f"POST /api/v1/terminals HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
            f"Authorization: Bearer {house.keys['admin']}\r\n"
            'Content-Type: application/json\r\n\r\n{"code": '
        ).encode()
        waiting = [asyncio.create_task(said(port, beginning)) for _ in range(_READERS)]
        assert (await client.get(EXPORTS)).status_code == 200
        for answer in await asyncio.gather(*waiting):
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b'"code":"body_stalled"' in answer
