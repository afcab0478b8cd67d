"""Judges by time what no row shows: absent data, and silence, from what the watch has found.

In the watch's transaction, so that presence and alarms are of one moment. Nobody is looked at
before their time; what is known by heart is read anew where it may not be what was committed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from foundation import queries
from foundation.database import Connection
from telemetry.alarms import rule_model
from telemetry.alarms.absence import SECOND_US, Absent, Missing, Silence
from telemetry.alarms.absent_data import AbsentData, AbsentRule
from telemetry.alarms.fitting import Fitting
from telemetry.alarms.found import Found
from telemetry.alarms.silent import Patience, Silent
from telemetry.alarms.storms import Storms
from telemetry.rows import Int32s
from telemetry.watch import Seen

sql = queries.load("telemetry", "alarms/vigil.sql")

_LEARN_TURNS = 150  # after which it is asked again whom each rule is of


class Vigil:
    """Stands beside a `Watch`."""

    def __init__(self) -> None:
        self._as_of: object = None
        self._fitting = Fitting(by_time=True)
        self._absent: dict[int, AbsentData] = {}
        self._silent: dict[Missing, Silent] = {}
        self._storms = Storms()
        self._is_learned = False
        self._until_learning = 0

    def forget(self) -> None:
        """What is known by heart is read anew."""
        self._as_of = None
        self._absent, self._silent, self._storms = {}, {}, Storms()
        self._fitting.forget()

    async def ready(self, conn: Connection) -> Sequence[int]:
        """Read the rules where they have changed; the profiles of whose metrics there are some."""
        as_of = await self._fitting.rules_as_of(conn)
        if as_of != self._as_of:
            await self._fitting.end_what_was_held_otherwise(conn)
            await self._read_rules(conn)
            self._as_of = as_of
            self._is_learned, self._until_learning = False, 0
        return [of.rule.profile_id for of in self._absent.values() if of.metric is not None]

    async def turn(self, conn: Connection, seen: Seen) -> None:
        """Raise what has lasted until now, and end what is over."""
        for absent in self._absent.values():
            absent.take(seen.followed)
        if seen.hearing is not None and self._until_learning <= 0:
            await self._learn(conn, seen, seen.hearing.until_us)
        if not self._is_learned:
            return
        self._until_learning -= 1
        changed = await self._fit(conn)
        found = Found()
        for silent in self._silent.values():
            silent.take(seen, found)
        if self._silent:
            await self._storms.turn(conn, seen)
        if seen.hearing is not None:
            for absent in self._absent.values():
                await absent.look(conn, seen, changed, found)
            for silent in self._silent.values():
                await silent.look(conn, seen, changed, found)
        await self._keep(conn, found, seen)

    async def _read_rules(self, conn: Connection) -> None:
        silences: dict[Missing, dict[int, Patience]] = {}
        known, self._absent = self._absent, {}
        async for row in await conn.execute(sql.list_enabled):
            watched, for_us = rule_model.read(row["criterion"]), row["for_seconds"] * SECOND_US
            if isinstance(watched, Absent):
                rule = AbsentRule(
                    row["id"], row["profile_id"], watched, row["interval_seconds"], for_us
                )
                before = known.get(rule.id)
                same = before is not None and before.rule == rule
                self._absent[rule.id] = before if before and same else AbsentData(rule)
                self._absent[rule.id].open.clear()
            elif isinstance(watched, Silence):
                patience = Patience(for_us, watched.back_seconds * SECOND_US)
                silences.setdefault(watched.of, {})[row["id"]] = patience
        self._silent = {of: Silent(of, rules) for of, rules in silences.items()}
        of_rule = {rule: of for of, rules in silences.items() for rule in rules}
        async for row in await conn.execute(sql.list_open):
            rule_id, terminal_id = row["rule_id"], row["terminal_id"]
            if rule_id in self._absent:
                self._absent[rule_id].open[terminal_id] = row["raised_us"]
            elif rule_id in of_rule:
                self._silent[of_rule[rule_id]].open[terminal_id] = rule_id

    async def _learn(self, conn: Connection, seen: Seen, now_us: int) -> None:
        """Find whom the rules are of now."""
        for absent in self._absent.values():
            await absent.learn(conn, seen.facts, now_us)
        for silent in self._silent.values():
            silent.learn(seen.facts, now_us)
        if not self._is_learned:
            await self._storms.learn(conn, seen, now_us)
        self._is_learned, self._until_learning = True, _LEARN_TURNS

    async def _fit(self, conn: Connection) -> Int32s:
        """End what fits no more; the terminals that changed, which are looked at anew."""
        fitted = await self._fitting.turn(conn)
        for rule_id, terminal_id in fitted.over:
            self._over(rule_id, terminal_id)
        return np.array(fitted.changed, np.int32)

    def _over(self, rule_id: int, terminal_id: int) -> None:
        if rule_id in self._absent:
            self._absent[rule_id].open.pop(terminal_id, None)
        for silent in self._silent.values():
            if silent.open.get(terminal_id) == rule_id:
                silent.over(terminal_id)

    async def _keep(self, conn: Connection, found: Found, seen: Seen) -> None:
        if found.again:
            await conn.execute(sql.count_again, _at("at_us", found.again))
        if found.over:
            await conn.execute(sql.end_alarms, _at("cleared_us", found.over))
        if not found.raised or seen.hearing is None:
            return
        asked: dict[str, Any] = _keys(found.raised) | {
            "now_us": seen.hearing.until_us,
            "since_us": [since_us for since_us, _ in found.raised.values()],
            "raised_us": [raised_us for _, raised_us in found.raised.values()],
            "parents": [
                None if rule_id in self._absent else self._storms.parent_of(terminal_id)
                for rule_id, terminal_id in found.raised
            ],
        }
        async for row in await conn.execute(sql.raise_alarms, asked):
            rule_id, terminal_id = row["rule_id"], row["terminal_id"]
            if rule_id in self._absent:
                self._absent[rule_id].raised(terminal_id, row["raised_us"])
            else:
                for silent in self._silent.values():
                    silent.raised(rule_id, terminal_id)


def _keys(found: Iterable[tuple[int, int]]) -> dict[str, list[int]]:
    """The rules and terminals of these, as columns."""
    pairs = list(found)
    return {"rules": [rule_id for rule_id, _ in pairs], "terminals": [n for _, n in pairs]}


def _at(name: str, found: Mapping[tuple[int, int], int]) -> dict[str, list[int]]:
    """The same with when it was of each (Unix us)."""
    return _keys(found) | {name: list(found.values())}
