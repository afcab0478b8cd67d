"""Refused messages, kept with their reason and their raw bytes; reading them is the reader's."""

from collections.abc import Sequence

from foundation import queries
from foundation.database import Connection
from telemetry.model import Reason, Refusal, at

sql = queries.load("telemetry")

MOST_PAYLOAD_BYTES = 65_536
MOST_DETAIL = 1_000  # characters
MOST_TOPIC = 1_000


async def store(conn: Connection, bridge: str, refusals: Sequence[Refusal]) -> None:
    """Keep these refusals; the same message, refused again for the same reason, counts up."""
    if not refusals:
        return
    items: dict[tuple[bytes, Reason], list[Refusal]] = {}
    for refusal in refusals:
        items.setdefault((refusal.digest, refusal.reason), []).append(refusal)
    first = [group[0] for group in items.values()]
    await conn.execute(
        sql.insert_refusals,
        {
            "bridge": bridge,
            "firsts": [at(min(r.received_us for r in group)) for group in items.values()],
            "lasts": [at(max(r.received_us for r in group)) for group in items.values()],
            "counts": [len(group) for group in items.values()],
            "topics": [_text(r.topic, MOST_TOPIC) for r in first],
            "terminal_ids": [r.terminal_id for r in first],
            "reasons": [r.reason.value for r in first],
            "details": [_text(r.detail, MOST_DETAIL) for r in first],
            "payloads": [r.payload[:MOST_PAYLOAD_BYTES] for r in first],
            "sizes": [len(r.payload) for r in first],
            "digests": [digest for digest, _ in items],
        },
    )


def _text(text: str, most: int) -> str:
    """Text as PostgreSQL takes it: no NUL, not too long."""
    return text[:most].replace("\0", "\N{REPLACEMENT CHARACTER}")
