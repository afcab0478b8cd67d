"""Files for the tests of bulk provisioning, and a worker that does their jobs."""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from stdnum import luhn

from foundation.database import Connection, Pool, open_pool, transaction
from foundation.sealing import Sealing
from registry.imports import files, running
from registry.imports.model import Import
from registry.imports.undoing import Heard
from registry.scope import Scope
from tests.conftest import Database
from tests.country import everything

SEAL = Sealing(["0123456789abcdefghijklmnopqrstuvwxyz"])
HEADER = "code,profile,group_client,region,imei,iccid,imsi,msisdn,state"


def imei(n: int) -> str:
    body = f"86{n:012d}"
    return body + luhn.calc_check_digit(body)


def iccid(n: int) -> str:
    body = f"8986001{n:012d}"
    return body + luhn.calc_check_digit(body)


def line(n: int, **other: str) -> str:
    """A right row of a file of terminals."""
    cells = {
        "code": f"m-{n:06d}",
        "profile": "meter",
        "group_client": "power-js",
        "region": "320100",
        "imei": imei(n),
        "iccid": iccid(n),
        "imsi": f"46000{n:010d}",
        "msisdn": f"14400{n:08d}",
        "state": "testing",
    } | other
    return ",".join(cells[name] for name in HEADER.split(","))


def terminals_file(*numbers: int) -> bytes:
    return "\n".join([HEADER, *(line(n) for n in numbers)]).encode()


async def in_chunks(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def sent(
    pool: Pool, content: bytes, *, scope: Scope = everything, kind: str = "terminals", **more: Any
) -> int:
    """The number of an import of this file, which waits to be checked."""
    async with transaction(pool, scope.settings()) as conn:
        found = await files.receive(
            conn, scope, kind, in_chunks(content), **{"name": "file.csv", **more}
        )
    return found.id


async def nobody_heard(_: Connection, __: Sequence[int]) -> list[int]:
    return []


async def worked(database: Database, heard: Heard = nobody_heard, *, foreign: bool = True) -> None:
    """Do every job that is asked for, as the jobs process does."""
    async with await open_pool(database.jobs, name="jobs") as pool:
        while await running.run_next(pool, uuid.uuid4(), SEAL, heard, foreign=foreign):
            pass


async def checked(pool: Pool, database: Database, content: bytes, **more: Any) -> Import:
    """An import of this file after its dry run."""
    number = await sent(pool, content, **more)
    await worked(database)
    return await found(pool, number)


async def applied(
    pool: Pool, database: Database, content: bytes, *, whole: bool = False, **more: Any
) -> Import:
    """An import of this file after it was applied."""
    number = (await checked(pool, database, content, **more)).id
    scope = more.get("scope", everything)
    async with transaction(pool, scope.settings()) as conn:
        await files.apply(conn, scope, number, whole=whole)
    await worked(database)
    return await found(pool, number)


async def found(pool: Pool, number: int) -> Import:
    async with transaction(pool, everything.settings()) as conn:
        return await files.find(conn, everything, number)


async def verdicts(pool: Pool, number: int) -> dict[int, list[tuple[str, str]]]:
    """Column and code of what was found, by row."""
    async with transaction(pool, everything.settings()) as conn:
        page = await files.list_rows(conn, everything, number, limit=1000)
    return {
        row.row: [(finding.column, finding.code) for finding in row.findings]
        for row in page.items
        if row.findings
    }


def counted(database: Database, relation: str) -> int:
    with psycopg.connect(database.superuser) as conn:
        row = conn.execute(f"select count(*) from registry.{relation}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def rows_of(database: Database, query: str) -> list[dict[str, Any]]:
    with psycopg.connect(database.superuser, row_factory=dict_row) as conn:
        return conn.execute(query.encode()).fetchall()
