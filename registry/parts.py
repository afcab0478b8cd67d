"""What a terminal is made of: its hardware, by IMEI, and its SIM; replaced, and remembered.

A replacement ends one interval and begins the next at the same instant. It may be put on record
late, but never before the present part came: what is history stays as it is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import keyset, sims, terminals
from registry.errors import MomentAhead
from registry.identifiers import Iccid, Imei
from registry.life_errors import PartAbsent, PartSame, ReplacedTooEarly, TerminalRetired
from registry.model import Hardware, Page, TerminalId, TerminalState
from registry.scope import Right, Scope

sql = queries.load("registry", "lives.sql")


@dataclass(frozen=True, slots=True)
class SimInterval:
    """From when to when a SIM sat in a terminal; `iccid` None is one that the asker cannot see."""

    terminal_id: TerminalId
    iccid: Iccid | None
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class Dated:
    """The statements by which something that a terminal has one of at a time is replaced."""

    present: str
    end: str
    begin: str

    async def replace(
        self, conn: Connection, terminal_id: TerminalId, number: object, at: datetime | None
    ) -> dict[str, Any]:
        """End what is and begin what comes (None: nothing), at one instant; the newest interval.

        The terminal must be held.
        """
        present = await _present(conn, self.present, terminal_id, number, at)
        given = {"terminal_id": terminal_id, "number": number, "at": present["at"]}
        if present["present"] is not None:
            newest = await _one(conn, self.end, given)
        return newest if number is None else await _one(conn, self.begin, given)


_HARDWARE = Dated(sql.present_hardware, sql.end_hardware, sql.begin_hardware)


async def find_hardware(conn: Connection, scope: Scope, terminal: str) -> Hardware | None:
    """The hardware that a terminal is now, or None where its IMEI is not known."""
    scope.require(Right.TERMINALS_READ)
    newest = await list_hardware(conn, scope, terminal, limit=1)
    return next((part for part in newest.items if part.valid_to is None), None)


async def list_hardware(
    conn: Connection, scope: Scope, terminal: str, *, after: str | None = None, limit: int = 50
) -> Page[Hardware]:
    """One page of the hardware that a terminal was, newest first."""
    scope.require(Right.TERMINALS_READ)
    rows = await list_intervals(conn, scope, sql.list_hardware, terminal, after, limit)
    return keyset.page(rows, limit, _hardware, key)


async def list_sims(
    conn: Connection, scope: Scope, terminal: str, *, after: str | None = None, limit: int = 50
) -> Page[SimInterval]:
    """One page of the SIMs that were in a terminal, newest first."""
    scope.require(Right.SIMS_READ)
    rows = await list_intervals(conn, scope, sql.list_installations, terminal, after, limit)
    return keyset.page(rows, limit, _sim_interval, key)


async def replace_hardware(
    conn: Connection, scope: Scope, terminal: str, imei: Imei | None, *, at: datetime | None = None
) -> Hardware:
    """Put on record that a terminal is other hardware since `at` (now); None: that it has none."""
    scope.require(Right.TERMINALS_CHANGE)
    terminal_id = await hold(conn, scope, terminal)
    return _hardware(await _HARDWARE.replace(conn, terminal_id, imei and str(imei), at))


async def replace_sim(
    conn: Connection,
    scope: Scope,
    terminal: str,
    iccid: Iccid | None,
    *,
    at: datetime | None = None,
) -> SimInterval:
    """Put on record that another SIM is in a terminal since `at` (now); None: that none is."""
    scope.require(Right.SIMS_INSTALL)
    terminal_id = await hold(conn, scope, terminal)
    coming = await sims.find(conn, scope, iccid) if iccid else None
    present = await _present(conn, sql.present_sim, terminal_id, coming and coming.id, at)
    going = await sims.find_in(conn, scope, terminal)
    if going is not None:
        newest = await sims.remove(conn, scope, going.iccid, at=present["at"])
    if coming is not None:
        newest = await sims.install(conn, scope, coming.iccid, terminal, at=present["at"])
    shown = iccid or (going.iccid if going else None)
    return SimInterval(terminal_id, shown, newest.valid_from, newest.valid_to)


async def hold(conn: Connection, scope: Scope, terminal: str) -> TerminalId:
    """A terminal, held against other changes of what it has; TerminalRetired if it can have none.

    For verbs that have asked for a right of their own.
    """
    scope.require(Right.TERMINALS_READ)
    terminal_id = (await terminals.find(conn, scope, terminal)).id
    held = await (await conn.execute(sql.hold_terminal, {"terminal_id": terminal_id})).fetchone()
    if held is None or held["state"] == TerminalState.RETIRED:
        raise TerminalRetired
    return terminal_id


async def list_intervals(
    conn: Connection, scope: Scope, query: str, terminal: str, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """The rows of a page of a terminal's intervals, newest first; with `keyset.page` and `key`."""
    scope.require(Right.TERMINALS_READ)
    terminal_id = (await terminals.find(conn, scope, terminal)).id
    wanted: dict[str, Any] = {"terminal_id": terminal_id} | scope.parameters()
    wanted |= {"after": None if after is None else keyset.instant(after)}
    cursor = await conn.execute(query, wanted | {"rows": keyset.rows_asked_for(limit)})
    return await cursor.fetchall()


def key(row: dict[str, Any]) -> str:
    """The cursor after an interval: its beginning."""
    return keyset.of_instant(row["valid_from"])


async def _present(
    conn: Connection, query: str, terminal_id: TerminalId, number: object, at: datetime | None
) -> dict[str, Any]:
    """What a terminal that is held has now, and the instant of its replacement, if that may be."""
    present = await _one(conn, query, {"terminal_id": terminal_id, "at": at})
    if present["ahead"]:
        raise MomentAhead(field="at")
    if present["present"] == number:
        raise PartAbsent if number is None else PartSame
    if present["too_early"]:
        raise ReplacedTooEarly
    return present


async def _one(conn: Connection, query: str, given: dict[str, Any]) -> dict[str, Any]:
    row = await (await conn.execute(query, given)).fetchone()
    assert row is not None
    return row


def _hardware(row: dict[str, Any]) -> Hardware:
    return Hardware(row["terminal_id"], Imei(row["imei"]), row["valid_from"], row["valid_to"])


def _sim_interval(row: dict[str, Any]) -> SimInterval:
    number = row["iccid"]
    return SimInterval(
        row["terminal_id"], number and Iccid(number), row["valid_from"], row["valid_to"]
    )
