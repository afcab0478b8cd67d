"""Whether the rows of imports are those that the audit holds the hash over."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from foundation import queries
from foundation.database import Connection
from registry.imports.model import KEPT_DAYS, PORTION_ROWS
from registry.scope import Right, Scope

sql = queries.load("registry.imports")

_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Proof:
    """How many imports and rows were looked at, and of which imports the rows were altered."""

    imports: int
    rows: int
    altered: tuple[int, ...]


async def verify(conn: Connection, scope: Scope) -> Proof:
    """Compute the hash over the rows of every import again, as long as they are kept.

    Wants a transaction with one snapshot, and a role that reads the audit's chains.
    """
    scope.require(Right.AUDIT_READ)
    told: dict[int, dict[int, str | None]] = defaultdict(dict)
    async for row in await conn.execute(sql.read_links):
        told[row["import_id"]][row["tenant"]] = row["rows_sha256"]
    looked_at, rows, altered = 0, 0, []
    for import_id, expected in told.items():
        count, found = await _hashes(conn, import_id)
        if not count:
            continue
        looked_at, rows = looked_at + 1, rows + count
        if found != {tenant: text for tenant, text in expected.items() if text}:
            altered.append(import_id)
    return Proof(looked_at, rows, tuple(altered))


async def _hashes(conn: Connection, import_id: int) -> tuple[int, dict[int, str]]:
    """How many rows an import made, and the hash over them of each owner."""
    chains: dict[int, bytes] = {}
    portion: dict[int, list[str]] = defaultdict(list)
    count, edge = 0, 0

    def close() -> None:
        for tenant, lines in portion.items():
            digest = hashlib.sha256("\n".join(lines).encode()).digest()
            before = chains.get(tenant)
            chains[tenant] = digest if before is None else hashlib.sha256(before + digest).digest()
        portion.clear()

    async with conn.cursor(name="rows") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        await cursor.execute(sql.read_made_rows, {"import_id": import_id, "days": KEPT_DAYS})
        async for row in cursor:
            if (row["row"] - 1) // PORTION_ROWS != edge:
                close()
                edge = (row["row"] - 1) // PORTION_ROWS
            portion[row["tenant"]].append(row["line"])
            count += 1
    close()
    return count, {tenant: digest.hex() for tenant, digest in chains.items()}
