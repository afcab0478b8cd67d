"""Which of a terminal's numbered messages have a durable fate: kept with it, told after the commit.

A number has a fate when its message was stored, met its duplicate or was quarantined, or when the
terminal gave it up. Kept by (terminal, boot) in the transaction that decides the fate, so that a
receipt is true whatever dies afterwards, and whichever bridge took the message.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass

from foundation import queries
from foundation.database import Connection

sql = queries.load("telemetry")

LARGEST = 2**62
"""Numbers beyond are not counted."""

KEPT_DAYS = 31
"""How long a boot that says nothing more is remembered; what is older is refused by its clock."""

Number = tuple[int, str, int, int | None]
"""Terminal, boot, the number of a message, and the oldest number that the terminal still keeps."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Every number of this boot up to `seq` has a durable fate; 0 is none."""

    terminal_id: int
    boot: str
    seq: int


async def keep(conn: Connection, bridge: str, numbers: Iterable[Number]) -> list[Receipt]:
    """Keep that these numbers have a fate; the receipts of their boots, true once it is committed.

    What a terminal gives up, and what never came, is recorded as a gap.
    """
    boots: dict[tuple[int, str], set[int]] = {}
    kept_from: dict[tuple[int, str], int] = {}
    for terminal_id, boot, seq, first_kept in numbers:
        if not 0 < seq < LARGEST:
            continue
        key = terminal_id, boot
        if key in boots:
            boots[key].add(seq)
        else:
            boots[key] = {seq}
        if first_kept is not None:
            kept_from[key] = max(kept_from.get(key, 1), min(first_kept, seq))
    if not boots:
        return []
    cursor = await conn.execute(
        sql.keep_receipts,
        {
            "bridge": bridge,
            "terminal_ids": [terminal_id for terminal_id, _ in boots],
            "boots": [boot for _, boot in boots],
            "numbers": [_ranges(seqs) for seqs in boots.values()],
            "firsts": [kept_from.get(key, 1) for key in boots],
        },
    )
    return [Receipt(**row) async for row in cursor]


async def forget(conn: Connection) -> int:
    """Forget boots that have said nothing for KEPT_DAYS; returns how many."""
    return (await conn.execute(sql.forget_receipts, {"days": KEPT_DAYS})).rowcount


def _ranges(seqs: Set[int]) -> str:
    """Numbers as a multirange."""
    first, last = min(seqs), max(seqs)
    if last - first + 1 == len(seqs):  # nearly always
        return f"{{[{first},{last}]}}"
    return "{" + ",".join(f"[{seq},{seq}]" for seq in sorted(seqs)) + "}"
