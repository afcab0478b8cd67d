"""Refused messages, kept with their reason and their raw bytes; reading them is the reader's.

Of one fault (a terminal, a reason, a day) so many messages are kept raw as `quarantine_limit` says;
the others of a storm are counted, so that no broken firmware fills the disk.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any, TypeAlias

from foundation import queries
from foundation.database import Connection
from telemetry.model import Pending, Reason, Refusal, Replayed, at
from telemetry.sight import unix_us

sql = queries.load("telemetry", "quarantine.sql")

MOST_PAYLOAD_BYTES = 65_536
MOST_DETAIL = 1_000  # characters
MOST_TOPIC = 1_000
_STRANGERS = 256  # parts of the topics that name no terminal of ours
_MOST_FORGOTTEN = 10_000  # at a time

_Fault: TypeAlias = tuple[int, date, Reason]
_Key: TypeAlias = tuple[bytes, Reason]


async def store(conn: Connection, bridge: str, refusals: Sequence[Refusal]) -> None:
    """Keep these refusals; the same message, refused again for the same reason, counts up."""
    if not refusals:
        return
    items: dict[_Key, list[Refusal]] = {}
    for refusal in refusals:
        items.setdefault((refusal.digest, refusal.reason), []).append(refusal)
    faults: dict[_Fault, list[_Key]] = {}
    for key, group in items.items():
        faults.setdefault(_fault(group[0]), []).append(key)
    room = await _room(conn, faults)
    kept = {key: items[key] for fault, keys in faults.items() for key in keys[: room[fault]]}
    new = await _insert(conn, bridge, kept) if kept else set()
    await conn.execute(sql.count_faults, _counts(faults, items, new))


def _fault(refusal: Refusal) -> _Fault:
    """What a refusal is an instance of; strangers of the same part are one."""
    terminal_id = refusal.terminal_id
    if terminal_id is None:
        terminal_id = -1 - zlib.crc32(refusal.topic.encode()) % _STRANGERS
    return terminal_id, at(refusal.received_us).date(), refusal.reason


async def _room(conn: Connection, faults: Iterable[_Fault]) -> dict[_Fault, int]:
    """How many more messages of each fault may be kept raw."""
    cursor = await conn.execute(sql.read_faults, _columns(faults))
    return {
        (row["terminal_id"], row["day"], Reason(row["reason"])): max(
            0, row["samples"] - row["kept"]
        )
        async for row in cursor
    }


async def _insert(
    conn: Connection, bridge: str, kept: Mapping[_Key, Sequence[Refusal]]
) -> set[_Key]:
    """Keep items raw; returns those that were not there yet."""
    first = [group[0] for group in kept.values()]
    cursor = await conn.execute(
        sql.insert_refusals,
        {
            "bridge": bridge,
            "firsts": [at(min(r.received_us for r in group)) for group in kept.values()],
            "lasts": [at(max(r.received_us for r in group)) for group in kept.values()],
            "counts": [len(group) for group in kept.values()],
            "topics": [_text(r.topic, MOST_TOPIC) for r in first],
            "terminal_ids": [r.terminal_id for r in first],
            "reasons": [r.reason.value for r in first],
            "details": [_text(r.detail, MOST_DETAIL) for r in first],
            "payloads": [r.payload[:MOST_PAYLOAD_BYTES] for r in first],
            "sizes": [len(r.payload) for r in first],
            "digests": [digest for digest, _ in kept],
        },
    )
    return {(row["digest"], Reason(row["reason"])) async for row in cursor if row["new"]}


def _counts(
    faults: Mapping[_Fault, Sequence[_Key]],
    items: Mapping[_Key, Sequence[Refusal]],
    new: AbstractSet[_Key],
) -> dict[str, list[Any]]:
    """What each fault grows by, as the columns of `count_faults`."""
    counts = _columns(faults)
    said = [[refusal for key in keys for refusal in items[key]] for keys in faults.values()]
    fresh = [[items[key][0] for key in keys if key in new] for keys in faults.values()]
    return counts | {
        "firsts": [at(min(r.received_us for r in group)) for group in said],
        "lasts": [at(max(r.received_us for r in group)) for group in said],
        "messages": [len(group) for group in said],
        "bytes": [sum(len(r.payload) for r in group) for group in said],
        "kept": [len(group) for group in fresh],
        "kept_bytes": [sum(len(r.payload[:MOST_PAYLOAD_BYTES]) for r in group) for group in fresh],
        "topics": [_text(group[-1].topic, MOST_TOPIC) for group in said],
        "details": [_text(group[-1].detail, MOST_DETAIL) for group in said],
    }


def _columns(faults: Iterable[_Fault]) -> dict[str, list[Any]]:
    terminal_ids, days, reasons = map(list, zip(*faults, strict=True))
    return {"terminal_ids": terminal_ids, "days": days, "reasons": reasons}


async def tidy(conn: Connection, *, days: int, samples: int, most_bytes: int) -> None:
    """Forget what is older than so many days, and keep less of new storms as the place fills.

    Below half of `most_bytes` up to `samples` messages of a fault are kept raw, above it one in a
    hundred of that, and beyond it one.
    """
    await conn.execute(sql.forget_items, {"days": days, "most": _MOST_FORGOTTEN})
    await conn.execute(sql.forget_faults, {"days": days})
    await conn.execute(sql.forget_replays, {"days": days})
    await conn.execute(sql.set_limit, {"samples": samples, "most_bytes": most_bytes})


async def is_asked_for(conn: Connection) -> bool:
    """Whether anything is to be replayed."""
    row = await (await conn.execute(sql.has_pending)).fetchone()
    return bool(row and row["pending"])


async def pending(conn: Connection, most: int) -> list[Pending]:
    """The next that are to be replayed, held until the transaction ends; others skip them."""
    cursor = await conn.execute(sql.take_pending, {"most": most})
    return [
        Pending(
            row["replay_id"],
            row["item_id"],
            row["topic"] or "",
            row["payload"] or b"",
            -1 if row["payload_bytes"] is None else row["payload_bytes"],
            0 if row["received_at"] is None else unix_us(row["received_at"]),
        )
        async for row in cursor
    ]


async def tell(conn: Connection, told: Sequence[Replayed]) -> None:
    """Keep what became of replayed messages; what is stored now is resolved."""
    if told:
        await conn.execute(
            sql.tell_outcomes,
            {
                "replay_ids": [r.replay_id for r in told],
                "item_ids": [r.item_id for r in told],
                "outcomes": ["gone" if r.fate is None else r.fate.value for r in told],
                "reasons": [r.reason for r in told],
                "details": [r.detail and _text(r.detail, MOST_DETAIL) for r in told],
            },
        )


def _text(text: str, most: int) -> str:
    """Text as PostgreSQL takes it: no NUL, not too long."""
    return text[:most].replace("\0", "\N{REPLACEMENT CHARACTER}")
