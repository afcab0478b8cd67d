"""A rule held against what was: how many alarms it would have raised, had it been enabled."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from psycopg import sql as statement

from foundation.database import Connection
from registry import collections, regions, terminal_lists
from registry.model import GroupClientId, RegionCode, TerminalState
from registry.scope import Right, Scope
from registry.terminal_lists import Filters
from telemetry.alarms import rules
from telemetry.alarms.absence import Absent, Silence
from telemetry.alarms.criteria import BETWEEN, Change, Comparison, Criterion, Stands, Stuck
from telemetry.alarms.life import Standing, Turn, follow
from telemetry.alarms.rule_model import Happening, Rule, RuleInvalid
from telemetry.rows import Int64s, Values

LONGEST = timedelta(days=31)
MOST_TERMINALS = 200
MOST_READINGS = 1_000_000

_SECOND_US = 1_000_000
_READ = """select (extract(epoch from time) * 1000000)::int8 as us, {metrics} from {view}
where terminal_id = %(id)s and time >= %(start)s and time < %(end)s and {present}
order by time limit %(rows)s"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What would have been raised from `start` to `end`; most are its terminals with the most.

    Of `terminals`, which are the first of those that the rule is of where `is_sample`; not to the
    end where `is_cut`, as there are more readings than are looked at.
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


async def hold(conn: Connection, scope: Scope, number: int, days: int = 7) -> Trial:
    """Hold a rule against the stored readings of its terminals of now, in scope."""
    scope.require(Right.RULES_READ)
    scope.require(Right.TELEMETRY_READ)
    rule = await rules.find(conn, scope, number)
    if not 1 <= days <= LONGEST.days:
        raise RuleInvalid(f"A rule is tried on 1 to {LONGEST.days} days.", field="days")
    watched, profile = rule.watched, rule.profile
    if isinstance(watched, Happening):
        raise RuleInvalid("Of events there is the list of them.", field="criterion")
    if isinstance(watched, Absent | Silence) or profile is None:
        raise RuleInvalid("Of silence there is the list of changes.", field="criterion")
    end = datetime.now(UTC)
    start = end - timedelta(days=days)
    page = await terminal_lists.list_page(
        conn, scope, limit=MOST_TERMINALS, **await _filters(conn, scope, rule)
    )
    of = [t for t in page.items if rule.terminal in (None, t.code)]  # a prefix may find others
    found: Counter[str] = Counter()
    readings = still = 0
    for terminal in of:
        left = MOST_READINGS - readings
        if left <= 0:
            break
        times, values = await _read(conn, profile, watched, terminal.id, start, end, left)
        readings += len(times)
        judged = zip(times.tolist(), _stands(watched, times, values).tolist(), strict=True)
        standing, steps = follow(Standing(), judged, rule.for_seconds * _SECOND_US)
        found[terminal.code] = sum(step.turn is Turn.RAISED for step in steps)
        still += standing.is_raised
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
    )


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


async def _read(
    conn: Connection,
    profile: str,
    watched: Criterion | Comparison,
    terminal_id: int,
    start: datetime,
    end: datetime,
    most: int,
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
    asked = {"id": terminal_id, "start": start, "end": end, "rows": most}
    rows = await (await conn.execute(query, asked)).fetchall()
    values = [np.array([row[name] for row in rows], np.float64) for name in names]
    return np.array([row["us"] for row in rows], np.int64), values


def _stands(watched: Criterion | Comparison, times: Int64s, values: Sequence[Values]) -> Stands:
    if not isinstance(watched, Change | Stuck):
        return watched.stand(values)
    if not len(times):
        return np.zeros(0, np.int8)
    first = np.array([BETWEEN], np.int8)
    return np.concatenate([first, watched.stand(times, values[0])])
