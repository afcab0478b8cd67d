"""A rule held against what was: which alarms it would have raised, had it been enabled."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from psycopg import sql as statement

from foundation.database import Connection
from registry import collections, regions, terminal_lists
from registry.model import GroupClientId, RegionCode, TerminalState
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry.alarms import rules, trial_by_time
from telemetry.alarms.absence import Absent, Silence
from telemetry.alarms.criteria import (
    BAD,
    BETWEEN,
    GOOD,
    Change,
    Comparison,
    Criterion,
    Stands,
    Stuck,
)
from telemetry.alarms.life import Standing, Step, Turn, follow
from telemetry.alarms.rule_model import Happening, Rule, RuleInvalid
from telemetry.alarms.trial_by_time import Spell, Tried
from telemetry.model import at
from telemetry.rows import Int64s, Values

LONGEST = timedelta(days=31)
MOST_TERMINALS = 200
MOST_READINGS = 1_000_000
MOST_TOLD = 50

_SECOND_US = 1_000_000
_READ = """select (extract(epoch from time) * 1000000)::int8 as us, {metrics} from {view}
where terminal_id = %(id)s and time >= %(start)s and time < %(end)s and {present}
order by time limit %(rows)s"""
_READ_EVENTS = """select (extract(epoch from time) * 1000000)::int8 as us,
    coalesce(starts_with(code, %(clear)s), false) as is_end
from visible.event
where terminal_id = %(id)s and time >= %(start)s and time < %(end)s
    and (starts_with(code, %(code)s) or starts_with(code, %(clear)s))
order by time limit %(rows)s"""


@dataclass(frozen=True, slots=True)
class Raising:
    """An alarm that would have been raised at a terminal, and ended unless `until` is None."""

    terminal: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What would have been raised from `start` to `end`; most are its terminals with the most.

    `raised` are the newest of the alarms. Of `terminals`, which are the first of those that the
    rule is of where `is_sample`; not to the end where `is_cut`, as there are more readings than
    are looked at.
    """

    start: datetime
    end: datetime
    terminals: int
    is_sample: bool
    readings: int
    is_cut: bool
    alarms: int
    open_at_the_end: int
    most: Sequence[tuple[str, int]]
    raised: Sequence[Raising]


async def hold(
    conn: Connection, scope: Scope, number: int, days: int = 7, *, end: datetime | None = None
) -> Trial:
    """Hold a rule against what is stored of its terminals of now, in scope, up to now or an end."""
    scope.require(Right.RULES_READ)
    scope.require(Right.TELEMETRY_READ)
    rule = await rules.find(conn, scope, number)
    if not 1 <= days <= LONGEST.days:
        raise RuleInvalid(f"A rule is tried on 1 to {LONGEST.days} days.", field="days")
    end = datetime.now(UTC) if end is None else end
    start = end - timedelta(days=days)
    page = await terminal_lists.list_page(
        conn, scope, limit=MOST_TERMINALS, **await _filters(conn, scope, rule)
    )
    of = [t for t in page.items if rule.terminal in (None, t.code)]  # a prefix may find others
    found: Counter[str] = Counter()
    raised: list[Raising] = []
    readings = still = 0
    for terminal in of:
        left = MOST_READINGS - readings
        if left <= 0:
            break
        asked = {"id": terminal.id, "start": start, "end": end, "rows": left}
        tried = await _tried(conn, scope, rule, asked)
        readings += tried.looked_at
        found[terminal.code] = len(tried.spells)
        still += sum(spell.over_us is None for spell in tried.spells)
        these = [
            Raising(
                terminal.code,
                at(spell.raised_us),
                None if spell.over_us is None else at(spell.over_us),
            )
            for spell in tried.spells
        ]
        raised = sorted([*raised, *these], key=lambda one: one.since, reverse=True)[:MOST_TOLD]
    return Trial(
        start=start,
        end=end,
        terminals=len(of),
        is_sample=rule.terminal is None and page.next_key is not None,
        readings=readings,
        is_cut=readings >= MOST_READINGS,
        alarms=found.total(),
        open_at_the_end=still,
        most=[(code, alarms) for code, alarms in found.most_common(10) if alarms],
        raised=raised,
    )


async def _tried(conn: Connection, scope: Scope, rule: Rule, asked: dict[str, Any]) -> Tried:
    """What a rule would have raised at one terminal."""
    watched = rule.watched
    if isinstance(watched, Absent | Silence):
        given = (watched, rule.for_seconds, rule.profile, asked)
        return await trial_by_time.tried(conn, scope, *given)
    assert rule.profile is not None  # only silence may be of every profile
    times, stands = await _judged(conn, rule.profile, watched, asked)
    judged = zip(times.tolist(), stands.tolist(), strict=True)
    _, steps = follow(Standing(), judged, rule.for_seconds * _SECOND_US)
    return Tried(_spells(steps), len(times))


def _spells(steps: Sequence[Step]) -> list[Spell]:
    """The alarms of a terminal, from where each begins to where it ends."""
    turns = [step for step in steps if step.turn is not Turn.SEEN]
    ends = {begin: end.time_us for begin, end in pairwise(turns) if begin.turn is Turn.RAISED}
    return [Spell(begin.time_us, ends.get(begin)) for begin in turns if begin.turn is Turn.RAISED]


async def _filters(conn: Connection, scope: Scope, rule: Rule) -> Filters:
    """The terminals that a rule is of, as a list of terminals takes them."""
    filters = Filters(profile=rule.profile, state=TerminalState.IN_SERVICE)
    if rule.group_client_id is not None:
        filters["group_client"] = GroupClientId(rule.group_client_id)
    elif rule.region is not None:
        filters["region"] = (await regions.find(conn, scope, RegionCode(rule.region))).range
    if rule.terminal is not None:
        filters["prefix"] = rule.terminal
    if rule.collection is not None:
        filters["also"] = await collections.filters_of(conn, scope, rule.collection)
    return filters


async def _judged(
    conn: Connection,
    profile: str,
    watched: Criterion | Comparison | Happening,
    asked: dict[str, Any],
) -> tuple[Int64s, Stands]:
    """When a terminal told what a rule watches, and how that stands to it."""
    if isinstance(watched, Happening):
        named = asked | {"code": watched.code, "clear": watched.clear}
        events = await (await conn.execute(_READ_EVENTS, named)).fetchall()
        ends = np.array([event["is_end"] for event in events], np.bool_)
        times = np.array([event["us"] for event in events], np.int64)
        return times, np.where(ends, GOOD, BAD).astype(np.int8)
    times, values = await _read(conn, profile, watched, asked)
    if not isinstance(watched, Change | Stuck):
        return times, watched.stand(values)
    if not len(times):
        return times, np.zeros(0, np.int8)
    first = np.array([BETWEEN], np.int8)
    return times, np.concatenate([first, watched.stand(times, values[0])])


async def _read(
    conn: Connection, profile: str, watched: Criterion | Comparison, asked: dict[str, Any]
) -> tuple[Int64s, list[Values]]:
    names = (watched.metric,) if isinstance(watched, Change | Stuck) else watched.metrics
    columns = [statement.Identifier(name) for name in names]
    query = statement.SQL(_READ).format(
        metrics=statement.SQL(", ").join(
            statement.SQL("{0}::float8 as {0}").format(c)
            if watched.kind != "truth"
            else statement.SQL("{0}::int4::float8 as {0}").format(c)
            for c in columns
        ),
        view=statement.Identifier("visible", profile),
        present=statement.SQL(" and ").join(
            statement.SQL("{} is not null").format(c) for c in columns
        ),
    )
    rows = await (await conn.execute(query, asked)).fetchall()
    values = [np.array([row[name] for row in rows], np.float64) for name in names]
    return np.array([row["us"] for row in rows], np.int64), values
