"""Alarms in scope, and who looks after them: acknowledged, assigned, shelved, cleared, noted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict, Unpack

from foundation import queries
from foundation.database import Connection
from foundation.errors import Invalid, NotFound, Refused
from registry import keyset
from registry.conditions import SEVERITIES
from registry.model import GroupClientId, Page, ProfileId, RegionRange
from registry.scope import Right, Scope

sql = queries.load("telemetry", "alarms/alarms.sql")

LONGEST_SHELVED = timedelta(days=30)
MOST_AT_ONCE = 500
_NEWEST = 2**63 - 1


class AlarmNotFound(NotFound):
    """There is no such alarm in the scope."""

    code = "alarm_not_found"


class AlarmOver(Refused):
    """The alarm is over: nothing more is to be done about it."""

    code = "alarm_over"
    remedy = "Look at its terminal for what is open now."


class AlarmOfOthers(Refused):
    """The alarm is of many terminals, and not all of them are in the scope."""

    code = "alarm_of_others"
    remedy = "Look after the alarms of your own terminals under it."


class AlarmInvalid(Invalid):
    """What is asked of an alarm cannot be."""

    code = "alarm_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that was wrong with a terminal, or is, as long as it is not `cleared_at`.

    `raised_at` and `last_at` are the terminal's time, `told_at` is ours. Kept with it are what its
    rule was called and how grave it was then. One of many (a storm) has no terminal but what they
    share, and its count is of those in scope; theirs have it as `parent`, and are `quiet`.
    """

    id: int
    rule: int | None
    rule_name: str
    terminal: str | None
    group_client: str | None
    group_client_name: str | None
    region: int
    severity: str
    metric: str | None
    value: float | None
    raised_at: datetime
    told_at: datetime
    last_at: datetime
    count: int
    cleared_at: datetime | None
    cleared_because: str | None
    cleared_by: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assignee: str | None
    shelved_until: datetime | None
    parent: int | None
    quiet: bool
    shared: str | None
    shared_key: str | None
    respond_by: datetime | None
    breached_at: datetime | None
    window: int | None
    version: int


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody did or said about an alarm."""

    at: datetime
    by: str
    deed: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Open:
    """How many alarms of a severity are open, and of how many nobody has taken note."""

    severity: str
    alarms: int
    unacknowledged: int


class Taking(StrEnum):
    """What became of one of several alarms of which somebody wants to take note."""

    ACKNOWLEDGED = "acknowledged"
    WAS_ALREADY = "was_already"
    OF_OTHERS = AlarmOfOthers.code
    NOT_FOUND = AlarmNotFound.code


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became of each, by number; done from `start` to before `end`, as the audit has it."""

    outcomes: Mapping[int, Taking]
    is_more: bool
    start: datetime
    end: datetime

    @property
    def done(self) -> int:
        """Of how many nobody had taken note before."""
        return sum(outcome is Taking.ACKNOWLEDGED for outcome in self.outcomes.values())


class Wanted(TypedDict, total=False):
    """What a list of alarms is narrowed to; `terminal` is a code, `rule` and `profile` numbers."""

    open: bool | None
    acknowledged: bool | None
    shelved: bool | None
    breached: bool | None
    quiet: bool | None
    parent: int | None
    severity: str | None
    terminal: str | None
    rule: int | None
    assignee: str | None
    profile: ProfileId | None
    group_client: GroupClientId | None
    region: RegionRange | None


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    after: str | None = None,
    limit: int = 50,
    **wanted: Unpack[Wanted],
) -> Page[Alarm]:
    """One page of the alarms in scope, the last raised first."""
    scope.require(Right.ALARMS_READ)
    before = _NEWEST if after is None else keyset.number(after)
    page = _conditions(scope, wanted) | {"ids": None, "after": before}
    rows = await _read(conn, sql.list_alarms, page | {"rows": keyset.rows_asked_for(limit)})
    return keyset.page(rows, limit, lambda row: Alarm(**row), lambda row: str(row["id"]))


async def list_worst(
    conn: Connection,
    scope: Scope,
    *,
    after: str | None = None,
    limit: int = 50,
    **wanted: Unpack[Wanted],
) -> Page[Alarm]:
    """One page of the open alarms in scope: the gravest first, and of these the last raised."""
    scope.require(Right.ALARMS_READ)
    rank, before = (1, _NEWEST) if after is None else _rank_and_number(after)
    page = _conditions(scope, wanted) | {"after_rank": rank, "after": before}
    rows = await _read(conn, sql.list_worst, page | {"rows": keyset.rows_asked_for(limit)})
    return keyset.page(rows, limit, lambda row: Alarm(**row), _place)


def _place(row: dict[str, Any]) -> str:
    return f"{SEVERITIES.index(row['severity']) + 1}.{row['id']}"


def _rank_and_number(after: str) -> tuple[int, int]:
    rank, _dot, number = after.partition(".")
    return keyset.number(rank), keyset.number(number)


async def find(conn: Connection, scope: Scope, number: int) -> Alarm:
    """The alarm of that number; AlarmNotFound when there is none in scope."""
    scope.require(Right.ALARMS_READ)
    found = await find_all(conn, scope, [number])
    if number not in found:
        raise AlarmNotFound(f"There is no alarm {number}.")
    return found[number]


async def find_all(conn: Connection, scope: Scope, numbers: Sequence[int]) -> Mapping[int, Alarm]:
    """Those of these alarms that are in scope, by number."""
    scope.require(Right.ALARMS_READ)
    named = _conditions(scope, Wanted()) | {"ids": list(numbers), "after": _NEWEST}
    rows = await _read(conn, sql.list_alarms, named | {"rows": len(numbers)})
    return {row["id"]: Alarm(**row) for row in rows}


async def _read(conn: Connection, query: str, asked: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return await (await conn.execute(query, asked)).fetchall()


def _conditions(scope: Scope, wanted: Wanted) -> dict[str, Any]:
    """What the queries ask for; AlarmInvalid where there is no such severity."""
    if (severity := wanted.get("severity")) is not None and severity not in SEVERITIES:
        raise AlarmInvalid(f"A severity is one of {', '.join(SEVERITIES)}.", field="severity")
    asked: dict[str, Any] = dict.fromkeys(Wanted.__annotations__) | dict(wanted)
    region: RegionRange | None = asked.pop("region")
    asked |= {"low": None, "high": None} if region is None else region._asdict()
    return asked | scope.parameters() | {"severities": list(SEVERITIES)}


async def count_open(
    conn: Connection, scope: Scope, *, most: int | None = None, **wanted: Unpack[Wanted]
) -> Sequence[Open]:
    """How many are open of each severity, the gravest first, each up to `most`."""
    scope.require(Right.ALARMS_READ)
    rows = await _read(conn, sql.count_open, _conditions(scope, wanted) | {"most": most})
    return [Open(**row) for row in rows]


async def count_of_rules(
    conn: Connection, scope: Scope, numbers: Sequence[int]
) -> Mapping[int, int]:
    """How many open alarms each of these rules has; a rule with none is left out."""
    scope.require(Right.ALARMS_READ)
    asked = scope.parameters() | {"rules": list(numbers)}
    return {row["rule"]: row["alarms"] for row in await _read(conn, sql.count_of_rules, asked)}


async def list_notes(conn: Connection, scope: Scope, alarm: Alarm) -> Sequence[Note]:
    """What was done and said about an alarm that was found in scope, in order, up to a thousand."""
    scope.require(Right.ALARMS_READ)
    return [Note(**row) async for row in await conn.execute(sql.list_notes, {"id": alarm.id})]


async def acknowledge(
    conn: Connection, scope: Scope, number: int, note: str | None = None
) -> Alarm:
    """Somebody has taken note; the first who does is kept."""
    scope.require(Right.ALARMS_TEND)
    return await _tend(conn, scope, number, "acknowledged", note, acknowledge=True)


async def acknowledge_all(
    conn: Connection, scope: Scope, numbers: Sequence[int], note: str | None = None
) -> Acknowledged:
    """Somebody has taken note of several; of whom somebody had before, that one is kept."""
    scope.require(Right.ALARMS_TEND)
    if len(numbers) > MOST_AT_ONCE:
        why = f"At most {MOST_AT_ONCE} alarms are acknowledged at once."
        raise AlarmInvalid(why, field="alarms", remedy="Take a part of them.")
    start = await _clock(conn)
    asked = _conditions(scope, Wanted()) | {"ids": list(numbers)}
    seen = [row["id"] for row in await _read(conn, sql.see_alarms, asked)]
    rows = await _read(conn, sql.hold_alarms, asked | {"ids": seen})
    held = {row["id"]: row["was_already"] for row in rows}
    new = [number for number, was_already in held.items() if not was_already]
    await _do(conn, scope, new, "acknowledged", note, acknowledge=True)
    outcomes = dict.fromkeys(numbers, Taking.NOT_FOUND) | dict.fromkeys(seen, Taking.OF_OTHERS)
    outcomes |= dict.fromkeys(held, Taking.WAS_ALREADY) | dict.fromkeys(new, Taking.ACKNOWLEDGED)
    return Acknowledged(outcomes, False, start, await _clock(conn))


async def acknowledge_wanted(
    conn: Connection, scope: Scope, note: str | None = None, **wanted: Unpack[Wanted]
) -> Acknowledged:
    """Of open alarms that fit and of which nobody has: the gravest first, so many at once."""
    scope.require(Right.ALARMS_TEND)
    new: Wanted = {**wanted, "acknowledged": False}
    page = await list_worst(conn, scope, limit=MOST_AT_ONCE, **new)
    done = await acknowledge_all(conn, scope, [alarm.id for alarm in page.items], note)
    return replace(done, is_more=page.next_key is not None)


async def _clock(conn: Connection) -> datetime:
    [row] = await _read(conn, sql.read_clock, {})
    at: datetime = row["at"]
    return at


async def assign(
    conn: Connection, scope: Scope, number: int, assignee: str | None, note: str | None = None
) -> Alarm:
    """Somebody is to look after it, or (None) nobody in particular."""
    scope.require(Right.ALARMS_TEND)
    await _open(conn, scope, number)
    return await _tend(
        conn, scope, number, "assigned", note or assignee, assign=True, assignee=assignee
    )


async def shelve(
    conn: Connection, scope: Scope, number: int, until: datetime | None, note: str | None = None
) -> Alarm:
    """Out of sight until then, thirty days at most; None brings it back."""
    scope.require(Right.ALARMS_TEND)
    await _open(conn, scope, number)
    now = datetime.now(UTC)
    if until is not None and not now < until <= now + LONGEST_SHELVED:
        why = f"An alarm is shelved for {LONGEST_SHELVED.days} days at most."
        raise AlarmInvalid(why, field="until", remedy="Name a time to come within them.")
    deed = "unshelved" if until is None else "shelved"
    return await _tend(conn, scope, number, deed, note, shelve=True, until=until)


async def clear(conn: Connection, scope: Scope, number: int, note: str | None = None) -> Alarm:
    """It is over because somebody says so; once it was well, what is wrong again is another."""
    scope.require(Right.ALARMS_TEND)
    await _open(conn, scope, number)
    return await _tend(conn, scope, number, "cleared", note, clear=True)


async def comment(conn: Connection, scope: Scope, number: int, text: str) -> Alarm:
    """Say something about it."""
    scope.require(Right.ALARMS_TEND)
    return await _tend(conn, scope, number, "commented", text)


async def _open(conn: Connection, scope: Scope, number: int) -> None:
    if (await find(conn, scope, number)).cleared_at is not None:
        raise AlarmOver


async def _tend(
    conn: Connection, scope: Scope, number: int, deed: str, text: str | None, **deeds: Any
) -> Alarm:
    if not await _do(conn, scope, [number], deed, text, **deeds):
        await find(conn, scope, number)
        raise AlarmOfOthers
    return await find(conn, scope, number)


async def _do(
    conn: Connection,
    scope: Scope,
    numbers: Sequence[int],
    deed: str,
    text: str | None,
    **deeds: Any,
) -> int:
    asked: dict[str, Any] = dict.fromkeys(("acknowledge", "assign", "shelve", "clear"), False)
    asked |= {"assignee": None, "until": None, "ids": list(numbers), "by": scope.actor}
    asked |= scope.parameters() | deeds
    tended = (await conn.execute(sql.tend_alarm, asked)).rowcount
    await conn.execute(sql.note_alarm, asked | {"deed": deed, "text": text})
    return tended
