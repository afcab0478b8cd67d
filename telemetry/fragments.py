"""Parts of messages that terminals send in several, kept until the whole is there.

A part is durable as soon as its batch is: nobody waits with an acknowledgement for the others. What
is not whole after an hour goes to quarantine as it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from foundation import queries
from foundation.database import Connection
from telemetry import quarantine
from telemetry.model import Reason, Refusal, at

sql = queries.load("telemetry", "fragments.sql")

KEPT_SECONDS = 3600
_MOST_EXPIRED = 200  # at a time

Key = tuple[int, str]
"""A terminal, and what the parts of one message share."""


@dataclass(frozen=True, slots=True)
class Part:
    """Part `number` (from 1) of a message of `parts`; 0 is not known, the last part tells."""

    terminal_id: int
    key: str
    number: int
    parts: int
    received_us: int
    topic: str
    body: bytes


@dataclass(slots=True)
class Kept:
    """What is known of one message's parts; `joined` is that the whole was there lately."""

    bodies: dict[int, bytes] = field(default_factory=dict)
    parts: int = 0
    joined: bool = False

    def whole(self) -> bytes | None:
        """The message, if every part of it is there."""
        if not self.parts or len(self.bodies) < self.parts:
            return None
        return b"".join(self.bodies[number] for number in sorted(self.bodies))


async def find(conn: Connection, keys: Iterable[Key]) -> dict[Key, Kept]:
    """What is kept of these messages."""
    asked = list(keys)
    found: dict[Key, Kept] = {}
    cursor = await conn.execute(
        sql.find_fragments, {"ids": [one for one, _ in asked], "keys": [key for _, key in asked]}
    )
    async for row in cursor:
        kept = found.setdefault((row["terminal_id"], row["key"]), Kept())
        if row["number"]:
            kept.bodies[row["number"]] = bytes(row["body"])
            kept.parts = max(kept.parts, row["parts"])
        else:
            kept.joined = True
    return found


async def keep(conn: Connection, parts: Sequence[Part], joined: Sequence[Key]) -> None:
    """Keep new parts, and forget those of messages that are whole, in the caller's transaction."""
    if parts:
        await conn.execute(
            sql.keep_fragments,
            {
                "ids": [part.terminal_id for part in parts],
                "keys": [part.key for part in parts],
                "numbers": [part.number for part in parts],
                "parts": [part.parts for part in parts],
                "times": [at(part.received_us) for part in parts],
                "topics": [part.topic for part in parts],
                "bodies": [part.body for part in parts],
            },
        )
    if joined:
        given = {"ids": [one for one, _ in joined], "keys": [key for _, key in joined]}
        await conn.execute(sql.forget_parts, given)
        await conn.execute(sql.note_joined, given)


async def expire(conn: Connection, bridge: str) -> int:
    """Send to quarantine what never became whole; returns how many messages."""
    cursor = await conn.execute(
        sql.expire_fragments, {"seconds": KEPT_SECONDS, "rows": _MOST_EXPIRED}
    )
    expired = await cursor.fetchall()
    await quarantine.store(
        conn,
        bridge,
        [
            Refusal(
                row["received_us"],
                row["topic"],
                bytes(row["body"]),
                row["terminal_id"],
                Reason.MALFORMED,
                f"{row['came']} of {row['parts'] or 'unknown'} parts of {row['key']} came",
            )
            for row in expired
        ],
    )
    return len(expired)
