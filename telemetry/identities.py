"""What terminals say of themselves: kept, held against the roll and the SIMs' bindings, and told.

The database judges, in the transaction of the batch, so that a word counts once whatever happens
to its bridge, and several bridges agree.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foundation import queries
from foundation.database import Connection
from foundation.logs import get_logger
from registry import keyset
from registry.model import Page
from registry.scope import Right, Scope
from telemetry.model import OWN_CODES, Event, Identity, StoredEvent, at
from telemetry.sight import find_seen, last_month, unix_us

sql = queries.load("telemetry", "identities.sql")
log = get_logger(__name__)


class IdentityKind(StrEnum):
    """What is told about identities; the events' codes are these after OWN_CODES."""

    CREDENTIAL_SHARED = "credential_shared"
    DEVICE_CHANGED = "device_changed"
    FIRST_SEEN = "first_seen"
    IMEI_TWICE = "imei_twice"
    RESTORED = "restored"
    RIVAL_SIM = "rival_sim"
    SEPARATION = "separation"
    SIM_CHANGED = "sim_changed"


# How grave it is (X.733), and what it says.
_TOLD = {
    IdentityKind.CREDENTIAL_SHARED: ("critical", "One credential is used in two places."),
    IdentityKind.DEVICE_CHANGED: ("warning", "The terminal is other hardware than is on record."),
    IdentityKind.FIRST_SEEN: (
        "indeterminate",
        "The SIM was seen in its hardware for the first time.",
    ),
    IdentityKind.IMEI_TWICE: ("major", "Another terminal with another SIM has the same IMEI."),
    IdentityKind.RESTORED: ("indeterminate", "What was wrong with its identity is over."),
    IdentityKind.RIVAL_SIM: ("critical", "Another operator's SIM is in the terminal."),
    IdentityKind.SEPARATION: ("major", "The SIM is in other hardware than it is bound to."),
    IdentityKind.SIM_CHANGED: ("major", "Another SIM is in the terminal than is on record."),
}
_HARMLESS = frozenset({IdentityKind.DEVICE_CHANGED, IdentityKind.FIRST_SEEN, IdentityKind.RESTORED})
_MOST_TURNS = 8  # different words of one terminal in one batch


@dataclass(frozen=True, slots=True)
class Word:
    """What a terminal said of itself at `time_us`, by our clock or, if that was earlier, its own.

    It `starts` a session or a boot with it; `again` is what the broker may have delivered before.
    """

    terminal_id: int
    time_us: int
    received_us: int
    identity: Identity
    starts: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What a terminal said last of itself; `started_at` is when it last said hello."""

    identity: Identity
    heard_at: datetime
    started_at: datetime | None


async def hear(conn: Connection, words: Sequence[Word]) -> list[Event]:
    """Keep words, given in order of arrival, and isolate whom they convict; what is to be told."""
    told: list[Event] = []
    for turn in _turns(words):
        cursor = await conn.execute(sql.hear, _columns(turn))
        rows = await cursor.fetchall()
        for code in {row["code"] for row in rows if row["action"] == "isolate"} - _HARMLESS:
            guilty = [
                row["terminal_id"]
                for row in rows
                if (row["code"], row["action"]) == (code, "isolate")
            ]
            reason = f"{OWN_CODES}{code}"
            await conn.execute(sql.isolate, {"terminal_ids": guilty, "reason": reason})
        spoken = {word.terminal_id: word for word in turn}
        for terminal_id, code, action in sorted(
            {(r["terminal_id"], r["code"], r["action"]) for r in rows}
        ):
            # Who said it before, of whom a later word of another one tells, is told of it now.
            word = spoken.get(terminal_id) or turn[-1]
            if action == "log":
                log.warning("identity", terminal_id=terminal_id, finding=code)
            else:
                told.append(_event(terminal_id, word, code, action))
    return told


async def refuse(conn: Connection, words: Sequence[Word]) -> dict[int, str]:
    """Of some words, by index, those that violate a rule whose action is to refuse, and why."""
    cursor = await conn.execute(
        sql.find_refused,
        {
            "terminal_ids": [word.terminal_id for word in words],
            "imeis": [word.identity.imei for word in words],
            "iccids": [word.identity.iccid for word in words],
            "imsis": [word.identity.imsi for word in words],
        },
    )
    return {row["k"] - 1: _TOLD[row["code"]][1] async for row in cursor}


def _turns(words: Iterable[Word]) -> Iterator[list[Word]]:
    """The words in turns, each terminal once in a turn; what it only repeats is one word."""
    of: dict[int, list[Word]] = {}
    for word in words:
        said = of.setdefault(word.terminal_id, [])
        repeats = said and word.identity == said[-1].identity and word.starts <= said[-1].starts
        if repeats and said[-1].time_us <= word.time_us:
            starts, again = said[-1].starts, said[-1].again
            word = Word(  # noqa: PLW2901
                word.terminal_id, word.time_us, word.received_us, word.identity, starts, again
            )
            said[-1] = word
        elif len(said) == _MOST_TURNS:
            said[-1] = word
        else:
            said.append(word)
    for turn in range(_MOST_TURNS):
        spoken = [said[turn] for said in of.values() if len(said) > turn]
        if not spoken:
            return
        yield spoken


def _columns(words: Sequence[Word]) -> dict[str, list[object]]:
    said = [word.identity for word in words]
    return {
        "terminal_ids": [word.terminal_id for word in words],
        "times": [at(word.time_us) for word in words],
        "imeis": [i.imei for i in said],
        "iccids": [i.iccid for i in said],
        "imsis": [i.imsi for i in said],
        "apns": [i.apn for i in said],
        "firmwares": [i.firmware for i in said],
        "models": [i.model for i in said],
        "boots": [i.boot for i in said],
        "starts": [word.starts for word in words],
        "agains": [word.again for word in words],
    }


def _event(terminal_id: int, word: Word, code: str, action: str) -> Event:
    severity, text = _TOLD[IdentityKind(code)]
    # Of the numbers only the ends: who may read events need not know SIMs.
    data = {
        name: f"*{number[-4:]}"
        for name in ("imei", "iccid", "imsi")
        if word.terminal_id == terminal_id and (number := getattr(word.identity, name)) is not None
    }
    return Event(
        terminal_id,
        word.time_us,
        word.received_us,
        OWN_CODES + code,
        severity,
        text,
        json.dumps({"action": action} | data, separators=(",", ":")),
    )


async def find(conn: Connection, scope: Scope, terminal_code: str) -> Heard | None:
    """What a terminal said last of itself in its present owner's time; None if nothing."""
    scope.require(Right.SIMS_READ)
    terminal_id = await find_seen(conn, scope, terminal_code)
    cursor = await conn.execute(sql.find_heard, {"terminal_id": terminal_id})
    row = await cursor.fetchone()
    if row is None:
        return None
    return Heard(
        heard_at=row.pop("heard_at"), started_at=row.pop("started_at"), identity=Identity(**row)
    )


async def list_events(
    conn: Connection,
    scope: Scope,
    *,
    kind: IdentityKind | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[StoredEvent]:
    """One page of what was told about identities in scope, newest first.

    Of the last 31 days unless `start` says otherwise; narrowed to a `kind`.
    """
    scope.require(Right.TELEMETRY_READ)
    start, end = last_month(start, end)
    given: dict[str, object] = {"start": start, "end": end, "code": kind and OWN_CODES + kind}
    given |= {"after_time": None, "after_digest": None, "rows": keyset.rows_asked_for(limit)}
    if after is not None:
        first, _, digest = after.partition(".")
        try:
            given |= {"after_time": at(int(first)), "after_digest": int(digest)}
        except (ValueError, OverflowError):
            raise keyset.CursorInvalid from None
    rows = await (await conn.execute(sql.list_identity_events, given)).fetchall()
    found = [(row.pop("digest"), StoredEvent(**row)) for row in rows]
    return keyset.page(
        found, limit, lambda pair: pair[1], lambda pair: f"{unix_us(pair[1].time)}.{pair[0]}"
    )
