"""`muster audit`: whether the audit is as it was written, and the heads that are kept elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from deploy.cli import acting
from foundation.database import Connection, open_pool, transaction
from foundation.errors import Invalid, MusterError
from registry import audit_chain
from registry.audit_chain import Fault, Head, Verdict
from registry.imports import proof
from registry.imports.proof import Proof
from registry.scope import Scope

app = typer.Typer()
audit = typer.Typer(no_args_is_help=True, help="The chains of the audit.")
app.add_typer(audit, name="audit")

_SCOPE = Scope.system("audit")
_SNAPSHOT = "set transaction isolation level repeatable read read only"
_NO_TIMEOUT = 24 * 3600.0

HomeOption = Annotated[Path | None, typer.Option(help="Home of the platform; default .muster.")]
Result = TypeVar("Result")


class ChainBroken(MusterError):
    """The audit is not as it was written."""

    code = "chain_broken"
    remedy = (
        "Compare the named entries with a backup; find out who may act as the database's owner."
    )


class HeadsUnreadable(Invalid):
    """The file does not hold heads as `muster audit heads` prints them."""

    code = "heads_unreadable"
    remedy = "Give a file with lines of a tenant's number, the last place and its hash."


@audit.command()
def verify(
    heads: Annotated[
        Path | None, typer.Option(help="What `muster audit heads` printed on an earlier day.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Compute every hash of the audit again; names the first bad entry of each tenant, and fails.

    Connects to MUSTER_DATABASE_URL (as `muster_inspect`, or who may read all), or to a home's.
    """
    kept = _read(heads) if heads else ()

    async def ask(conn: Connection) -> tuple[Verdict, Proof]:
        return await audit_chain.verify(conn, _SCOPE, kept), await proof.verify(conn, _SCOPE)

    verdict, imported = _ask(home, ask)
    for fault in verdict.faults:
        print(_said(fault))
    if verdict.faults:
        raise ChainBroken(f"The chains of {len(verdict.faults)} tenants are broken.")
    for number in imported.altered:
        print(f"import {number}: its rows are not those that were applied")
    if imported.altered:
        raise ChainBroken(f"The rows of {len(imported.altered)} imports were altered.")
    print(f"{verdict.entries} entries in {verdict.chains} chains are as they were written.")
    if imported.imports:
        print(f"{imported.rows} rows of {imported.imports} imports are as they were applied.")


@audit.command("heads")
def show_heads(home: HomeOption = None) -> None:
    """Print the end of each chain: tenant, place, hash. Keep it where the database cannot reach."""
    for head in _ask(home, lambda conn: audit_chain.heads(conn, _SCOPE)):
        print(head.tenant, head.n, head.hash.hex())


def _ask(home: Path | None, question: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Ask in one snapshot of the database that was named, or of the one that runs in the home."""

    async def transact() -> Result:
        async with (
            await open_pool(
                acting.dsn(home, "muster_inspect"),
                name="audit",
                max_size=1,
                statement_timeout_seconds=_NO_TIMEOUT,
            ) as pool,
            transaction(pool) as conn,
        ):
            await conn.execute(_SNAPSHOT)
            return await question(conn)

    return asyncio.run(transact())


def _read(file: Path) -> tuple[Head, ...]:
    try:
        lines = [line.split() for line in file.read_text("utf-8").splitlines() if line.strip()]
        return tuple(Head(int(tenant), int(n), bytes.fromhex(hash_)) for tenant, n, hash_ in lines)
    except (OSError, ValueError):
        raise HeadsUnreadable(f"{file} cannot be read as heads.") from None


def _said(fault: Fault) -> str:
    place = "an entry" if fault.n is None else f"place {fault.n}"
    entry = "" if fault.entry_id is None else f" (entry {fault.entry_id})"
    return f"tenant {fault.tenant}: {place}{entry} {fault.why}"
