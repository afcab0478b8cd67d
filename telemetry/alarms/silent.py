"""Silence of one kind, of data or of sessions, as presence has it, held against the nearest rule.

Who is silent is looked at when the shortest of the rules would raise an alarm; then the one rule
that holds is asked for. A session of which nothing is known is no silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foundation import queries
from foundation.database import Connection
from telemetry.alarms.absence import SECOND_US, Dues, Missing
from telemetry.alarms.found import MOST_AT_ONCE, Found, Turns
from telemetry.facts import DOWN, Facts
from telemetry.rows import Flags, Int32s, Int64s
from telemetry.watch import Seen

sql = queries.load("telemetry", "alarms/vigil.sql")


_FRESH_US = 3_600 * SECOND_US


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a rule waits until it raises an alarm, and until it ends one."""

    for_us: int
    back_us: int


class Silent:
    """What is known by heart: whose alarm is `open`, by which rule, and who came back when."""

    def __init__(self, of: Missing, rules: Mapping[int, Patience]) -> None:
        self.of = of
        self.open: dict[int, int] = {}
        self._rules = rules
        self._soonest_us = min(rule.for_us for rule in rules.values())
        self._back: dict[int, int] = {}
        self._dues = Dues()
        self._turns = Turns(np.zeros(0, np.int32))

    def learn(self, facts: Facts, now_us: int) -> None:
        """Begin with all who are silent, and with all whose alarm is open and who are not.

        Who has long been silent comes in turn, and keeps nobody waiting who has just become so.
        """
        ids = np.flatnonzero(self._is_missing(facts, slice(None))).astype(np.int32)
        known = np.fromiter(self.open, np.int32, len(self.open))
        facts.make_room(known)
        ids = np.setdiff1d(ids, known)
        due = self._since(facts, ids) + self._soonest_us
        fresh = due > now_us - _FRESH_US
        self._dues.put(ids[fresh], due[fresh])
        self._turns = Turns(ids[~fresh])
        here = known[~self._is_missing(facts, known)]
        since = facts.data_us[here] if self.of is Missing.DATA else facts.session_us[here]
        for terminal_id, at_us in zip(here.tolist(), since.tolist(), strict=True):
            self._back.setdefault(terminal_id, at_us)

    def take(self, seen: Seen, found: Found) -> None:
        """Note who went and who came back."""
        changes = seen.changes
        told = zip(
            changes.terminal_ids, changes.facts, changes.present, changes.times_us, strict=True
        )
        last = {n: (here, at_us) for n, fact, here, at_us in told if fact == self.of}
        if not last:
            return
        ids = np.fromiter(last, np.int32, len(last))
        gone = self._is_missing(seen.facts, ids)
        went = ids[gone]
        self._dues.put(went, self._since(seen.facts, went) + self._soonest_us)
        for terminal_id in went.tolist():
            if self._back.pop(terminal_id, None) is not None:
                found.again[self.open[terminal_id], terminal_id] = last[terminal_id][1]
        for terminal_id in ids[~gone].tolist():
            if terminal_id in self.open:
                self._back[terminal_id] = last[terminal_id][1]

    async def look(self, conn: Connection, seen: Seen, changed: Int32s, found: Found) -> None:
        """Find whose silence has lasted, of those whose time has come, and whose return has."""
        assert seen.hearing is not None
        until_us = seen.hearing.until_us
        self._find_over(until_us, found)
        parts = (self._dues.take(until_us, MOST_AT_ONCE), self._turns.next(), changed)
        asked = np.unique(np.concatenate(parts))
        seen.facts.make_room(asked)
        asked = asked[self._is_missing(seen.facts, asked)]
        is_open = np.fromiter((n in self.open for n in asked.tolist()), np.bool_, len(asked))
        asked = asked[~is_open]
        since = self._since(seen.facts, asked)
        if self.of is Missing.SESSION:
            told = since >= seen.sessions_known_us
            asked, since = asked[told], since[told]
        if not len(asked):
            return
        begun = dict(zip(asked.tolist(), since.tolist(), strict=True))
        later: list[tuple[int, int]] = []
        for terminal_id, rule_id in await self._rules_of(conn, asked.tolist()):
            waits_since_us = max(begun[terminal_id], seen.hearing.since_us)
            due_us = waits_since_us + self._rules[rule_id].for_us
            if due_us > until_us:
                later.append((terminal_id, due_us))
            else:
                found.raised[rule_id, terminal_id] = begun[terminal_id], due_us
        if later:
            ids, due = zip(*later, strict=True)
            self._dues.put(np.array(ids, np.int32), np.array(due, np.int64))

    def raised(self, rule_id: int, terminal_id: int) -> None:
        """An alarm that was found is raised, or was before."""
        if rule_id in self._rules:
            self.open[terminal_id] = rule_id

    def over(self, terminal_id: int) -> None:
        """Its alarm is over."""
        self.open.pop(terminal_id, None)
        self._back.pop(terminal_id, None)

    def _find_over(self, until_us: int, found: Found) -> None:
        for terminal_id, at_us in list(self._back.items()):
            rule_id = self.open[terminal_id]
            if until_us >= at_us + self._rules[rule_id].back_us:
                found.over[rule_id, terminal_id] = at_us
                self.over(terminal_id)

    async def _rules_of(self, conn: Connection, ids: Sequence[int]) -> list[tuple[int, int]]:
        cursor = await conn.execute(sql.find_silence_rules, {"ids": list(ids), "of": self.of.value})
        pairs = [(row["terminal_id"], row["rule_id"]) async for row in cursor]
        return [pair for pair in pairs if pair[1] in self._rules]

    def _is_missing(self, facts: Facts, ids: Int32s | slice) -> Flags:
        if self.of is Missing.DATA:
            return facts.silent_us[ids] > 0
        missing: Flags = facts.session[ids] == DOWN
        return missing

    def _since(self, facts: Facts, ids: Int32s) -> Int64s:
        return facts.silent_us[ids] if self.of is Missing.DATA else facts.session_us[ids]
