"""What never came, as far as anybody can tell: between which moments, and which numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foundation import queries
from foundation.database import Connection

sql = queries.load("telemetry")


class GapKind(StrEnum):
    """How we know that something is missing."""

    GIVEN_UP = "given_up"
    """A terminal keeps these numbers no longer, and they never came."""
    SESSION_LOST = "session_lost"
    """The broker had forgotten our session, and with it all that it held for us."""
    BROKER_RESTARTED = "broker_restarted"
    """The broker came back with an older memory than it had, or nobody can tell that it did not."""
    BROKER_DROPPED = "broker_dropped"
    """The broker counted messages that it had no room for."""
    MISSING = "missing"
    """Later numbers of a terminal have come and these have not; they may still."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap as people see it: from when (where that is known) to when, which numbers, how many.

    Of a terminal's `boot` the numbers `first_seq` to `last_seq`; of everybody's, none.
    """

    kind: GapKind
    begins_at: datetime | None
    ends_at: datetime
    boot: str | None
    first_seq: int | None
    last_seq: int | None
    messages: int | None


@dataclass(frozen=True, slots=True)
class Loss:
    """What a broker lost of what its terminals sent between two moments (Unix us)."""

    kind: GapKind
    begins_us: int
    ends_us: int
    messages: int | None = None
    """How many, where anybody counted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a bridge has last seen of its broker; times are Unix us by our clock.

    `session`: whether the broker ever held one for us. `marked_us`: the newest mark of ours that
    came back. `started_us`: when the broker seems to have started. `dropped`: its counter of
    messages without room, at `dropped_us`. `stopped`: whether the bridge was stopped on purpose.
    """

    session: bool = False
    marked_us: int | None = None
    started_us: int | None = None
    dropped: int | None = None
    dropped_us: int | None = None
    stopped: bool = False


async def record(conn: Connection, bridge: str, losses: Sequence[Loss]) -> None:
    """Record a gap of everybody behind this bridge's broker for each loss."""
    for loss in losses:
        await conn.execute(
            sql.record_gap,
            {
                "kind": loss.kind.value,
                "bridge": bridge,
                "begins_us": loss.begins_us,
                "ends_us": max(loss.begins_us, loss.ends_us),
                "messages": loss.messages,
            },
        )
