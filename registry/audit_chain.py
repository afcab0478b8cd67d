"""Whether the audit is as it was written: every chain of hashes, computed again from its entries.

Nothing here trusts the database to have hashed: a superuser could have taught it otherwise.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry.scope import Right, Scope

sql = queries.load("registry", "audit.sql")

_ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """The last place of a tenant's chain (0 is the operator): its number, and the hash there."""

    tenant: int
    n: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place of a tenant's chain that is not as written; `n` is None outside of it."""

    tenant: int
    n: int | None
    entry_id: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many entries and chains were looked at, and what is wrong with them."""

    entries: int
    chains: int
    faults: tuple[Fault, ...]


async def heads(conn: Connection, scope: Scope) -> tuple[Head, ...]:
    """The last place of every chain: kept elsewhere, it shows later that nothing was cut off."""
    scope.require(Right.AUDIT_READ)
    cursor = await conn.execute(sql.read_heads)
    return tuple([Head(**row) async for row in cursor])


async def verify(conn: Connection, scope: Scope, kept: Sequence[Head] = ()) -> Verdict:
    """Read every entry and compute all hashes again; `kept` are heads of an earlier day.

    Wants a transaction with one snapshot (repeatable read), in which nothing is written.
    """
    scope.require(Right.AUDIT_READ)
    expected = {(head.tenant, head.n): head.hash for head in kept}
    ends = {head.tenant: head for head in await heads(conn, scope)}
    chains = {tenant: _Chain(tenant) for tenant in {*ends, *(head.tenant for head in kept)}}
    entries = 0
    async with conn.cursor(name="chains") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        await cursor.execute(sql.read_chains)
        async for row in cursor:
            entries += 1
            chain = chains.setdefault(row["tenant"], _Chain(row["tenant"]))
            chain.follow(row, expected.pop((row["tenant"], row["n"]), None))
    for tenant, chain in chains.items():
        chain.end(ends.get(tenant), [n for kept_of, n in expected if kept_of == tenant])
    faults = [chain.fault for chain in chains.values() if chain.fault]
    unsealed = await (await conn.execute(sql.list_unsealed)).fetchall()
    faults += [Fault(r["tenant"], None, r["id"], "stands in no chain") for r in unsealed]
    return Verdict(entries + len(unsealed), len(chains), tuple(faults))


class _Chain:
    """One tenant's chain, followed from its first place until something is wrong with it."""

    def __init__(self, tenant: int) -> None:
        self.fault: Fault | None = None
        self._tenant = tenant
        self._n = 0
        self._hash = b""
        self._entry_id: int | None = None

    def follow(self, row: Mapping[str, Any], kept: bytes | None) -> None:
        """Go to the next place."""
        if self.fault:
            return
        n, entry_id = row["n"], row["entry_id"]
        if n != self._n + 1:
            self._blame(self._n + 1, None, "is missing")
        elif not row["is_there"]:
            self._blame(n, entry_id, "is missing")
        elif (
            row["hash"] != chained(row["previous"], n, digest(row))
            or row["entry_tenant"] != row["tenant"]
        ):
            self._blame(n, entry_id, "was altered")
        elif row["previous"] != self._hash:
            # It agrees with itself and not with the one before, whose hash was made anew.
            self._blame(
                self._n or n, self._entry_id or entry_id, "was altered, and its hash with it"
            )
        elif kept is not None and kept != row["hash"]:
            self._blame(n, entry_id, "is another one than when its hash was kept elsewhere")
        self._n, self._hash, self._entry_id = n, row["hash"], entry_id

    def end(self, head: Head | None, kept: Sequence[int]) -> None:
        """See whether the chain goes as far as it should."""
        if self.fault:
            return
        furthest = max([head.n if head else 0, *kept])
        if furthest > self._n:
            self._blame(self._n + 1, None, "is missing, and so is what came after it")
        elif head is None or (head.n, head.hash) != (self._n, self._hash):
            self._blame(self._n, self._entry_id, "is not the end that the chain should have")

    def _blame(self, n: int, entry_id: int | None, why: str) -> None:
        self.fault = Fault(self._tenant, n, entry_id, why)


def chained(previous: bytes, n: int, entry: bytes) -> bytes:
    """The hash at the n-th place of a chain."""
    return hashlib.sha256(previous + struct.pack(">q", n) + entry).digest()


def digest(row: Mapping[str, Any]) -> bytes:
    """The digest of an entry, over its fields as the database writes them out."""
    fields = "".join(_field(text) for text in _texts(row))
    changes = hashlib.sha256(row["changes"].encode()).digest()
    return hashlib.sha256(fields.encode() + changes).digest()


def _texts(row: Mapping[str, Any]) -> Iterator[str | None]:
    yield str(row["entry_tenant"])
    yield row["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    yield from (row[name] for name in ("actor", "scope", "action", "outcome", "reason"))
    yield str(row["times"])
    yield from (row[name] for name in ("request", "source", "keys"))
    yield str(row["size"])


def _field(text: str | None) -> str:
    return "-" if text is None else f"{len(text.encode())}:{text}"
