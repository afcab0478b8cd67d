"""Refused messages, kept with their reason and their raw bytes; reading them is the reader's.

Of one fault (a terminal, a reason, a day) so many messages are kept raw as `quarantine_limit` says;
the others of a storm are counted, so that no broken firmware fills the disk. Of a flood it is a
hundredth of that: keeping it must not cost the others what refusing it saves.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
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
_FLOOD_PART = 100  # of a flood, whose messages are as good as any, one in so many samples is kept
_MOST_FORGOTTEN = 10_000  # at a time

_DAY_US = 86_400_000_000
_EPOCH = date(1970, 1, 1)

# What a refusal is an instance of: its terminal (strangers of the same part are one), its day
# (counted from 1970, by UTC) and its reason.
_Fault: TypeAlias = tuple[int, int, Reason]
_Key: TypeAlias = tuple[bytes, Reason]


async def store(conn: Connection, bridge: str, refusals: Sequence[Refusal]) -> None:
    """Keep these refusals; the same message, refused again for the same reason, counts up.

    Of a storm beyond its samples nothing is done for each message but to count it.
    """
    if not refusals:
        return
    faults: dict[_Fault, list[Refusal]] = {}
    for refusal in refusals:
        terminal_id = refusal.terminal_id
        if terminal_id is None:
            terminal_id = -1 - zlib.crc32(refusal.topic.encode()) % _STRANGERS
        fault = terminal_id, refusal.received_us // _DAY_US, refusal.reason
        group = faults.get(fault)
        if group is None:
            faults[fault] = [refusal]
        else:
            group.append(refusal)
    room = await _room(conn, faults)
    kept: dict[_Key, list[Refusal]] = {}
    keys = {fault: _sample(group, room[fault], kept) for fault, group in faults.items()}
    new = await _insert(conn, bridge, kept) if kept else set()
    fresh = [[kept[key][0] for key in keys[fault] if key in new] for fault in faults]
    await conn.execute(sql.count_faults, _counts(faults, fresh))


def _sample(group: Sequence[Refusal], room: int, kept: dict[_Key, list[Refusal]]) -> list[_Key]:
    """Add to `kept` so many different messages of a fault, and what is the same; the new keys."""
    keys: list[_Key] = []
    if room:
        for refusal in group:
            key = refusal.digest, refusal.reason
            if key in kept:
                kept[key].append(refusal)
            elif len(keys) < room:
                kept[key] = [refusal]
                keys.append(key)
    return keys


async def _room(conn: Connection, faults: Iterable[_Fault]) -> dict[_Fault, int]:
    """How many more messages of each fault may be kept raw."""
    cursor = await conn.execute(sql.read_faults, _columns(faults))
    room: dict[_Fault, int] = {}
    async for row in cursor:
        reason, samples = Reason(row["reason"]), row["samples"]
        if reason is Reason.FLOOD:
            samples = max(1, samples // _FLOOD_PART)
        fault = row["terminal_id"], (row["day"] - _EPOCH).days, reason
        room[fault] = max(0, samples - row["kept"])
    return room


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
    faults: Mapping[_Fault, Sequence[Refusal]], fresh: Sequence[Sequence[Refusal]]
) -> dict[str, list[Any]]:
    """What each fault grows by, as the columns of `count_faults`; `fresh` are those new items."""
    groups = faults.values()
    received = [[refusal.received_us for refusal in group] for group in groups]
    return _columns(faults) | {
        "firsts": [at(min(times)) for times in received],
        "lasts": [at(max(times)) for times in received],
        "messages": [len(group) for group in groups],
        "bytes": [sum([len(r.payload) for r in group]) for group in groups],
        "kept": [len(group) for group in fresh],
        "kept_bytes": [sum(len(r.payload[:MOST_PAYLOAD_BYTES]) for r in group) for group in fresh],
        "topics": [_text(group[-1].topic, MOST_TOPIC) for group in groups],
        "details": [_text(group[-1].detail, MOST_DETAIL) for group in groups],
    }


def _columns(faults: Iterable[_Fault]) -> dict[str, list[Any]]:
    terminal_ids, days, reasons = map(list, zip(*faults, strict=True))
    days = [_EPOCH + timedelta(days=day) for day in days]
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
