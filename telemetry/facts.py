"""Whether data and a session are there, for terminals by the million: arrays by number; no I/O.

Data is there until a terminal's patience has run out since it came, by our clock and as far as the
platform listened: who could not be heard is not silent. A session is there as the terminal or its
last will says, and when something comes from the terminal after it was said to be gone.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from telemetry.rows import Flags, Int32s, Int64s

Ids: TypeAlias = Int32s | Int64s

UNKNOWN, DOWN, UP = -1, 0, 1
_ROOM = 1024
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Hearing:
    """Everything that came until `until_us` is known, listened for since `since_us` (Unix us)."""

    until_us: int
    since_us: int


@dataclass(slots=True)
class Changes:
    """Facts that changed: of which terminal, when (Unix us), `data` or `session`, to be or not."""

    terminal_ids: list[int] = field(default_factory=list)
    times_us: list[int] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    present: list[bool] = field(default_factory=list)

    def add(self, fact: str, present: bool, terminal_ids: Ids, times_us: Int64s) -> None:
        """Note one change of each of these terminals."""
        self.terminal_ids += terminal_ids.tolist()
        self.times_us += times_us.tolist()
        self.facts += [fact] * len(terminal_ids)
        self.present += [present] * len(terminal_ids)


class Facts:
    """What is known of every terminal, 33 bytes each; times are Unix us, 0 for none.

    `patience` is after how many seconds without data each is silent, 0 where that is not known yet;
    `pause` is the same where an event has begun a pause, until anything is heard again; else 0.
    """

    def __init__(self) -> None:
        self.data_us: Int64s = np.zeros(_ROOM, np.int64)
        self.silent_us: Int64s = np.zeros(_ROOM, np.int64)
        self.session: NDArray[np.int8] = np.full(_ROOM, UNKNOWN, np.int8)
        self.session_us: Int64s = np.zeros(_ROOM, np.int64)
        self.patience: Int32s = np.zeros(_ROOM, np.int32)
        self.pause: Int32s = np.zeros(_ROOM, np.int32)

    def make_room(self, terminal_ids: Int32s) -> None:
        """Have a place for each of these terminals."""
        size = len(self.data_us)
        most = int(terminal_ids.max(initial=0))
        if most < size:
            return
        more = max(most + 1, size * 5 // 4) - size
        self.data_us = np.append(self.data_us, np.zeros(more, np.int64))
        self.silent_us = np.append(self.silent_us, np.zeros(more, np.int64))
        self.session = np.append(self.session, np.full(more, UNKNOWN, np.int8))
        self.session_us = np.append(self.session_us, np.zeros(more, np.int64))
        self.patience = np.append(self.patience, np.zeros(more, np.int32))
        self.pause = np.append(self.pause, np.zeros(more, np.int32))

    def impatient(self, terminal_ids: Int32s) -> Int32s:
        """Those of these terminals whose patience is not known yet."""
        unknown: Int32s = np.unique(terminal_ids[self.patience[terminal_ids] == 0])
        return unknown

    def take_data(self, ids: Int32s, came_us: Int64s, hearing: Hearing, changes: Changes) -> None:
        """Data came from these terminals at these times, sorted by both.

        A silence that lay between two of them is noted, though nobody looked at that time.
        """
        newer = came_us > self.data_us[ids]
        ids, came_us = ids[newer], came_us[newer]
        first = _firsts(ids)
        before = self.data_us[ids]
        before[~first] = came_us[:-1][~first[1:]]
        due = self._due(ids, before, np.where(came_us >= hearing.since_us, hearing.since_us, 0))
        was_silent = first & (self.silent_us[ids] > 0)
        fell = (before > 0) & ~was_silent & (due < np.minimum(came_us, hearing.until_us))
        changes.add("data", False, ids[fell], due[fell])
        back = (before == 0) | fell | was_silent
        changes.add("data", True, ids[back], came_us[back])
        self.silent_us[ids] = 0
        self.data_us[ids] = came_us  # of a terminal's times the last one stays

    def take_sessions(
        self,
        ids: Int32s,
        up: Flags,
        said_us: Int64s,
        heard: tuple[Int32s, Int64s],
        changes: Changes,
    ) -> None:
        """Terminals said that their session is up or gone, in order; others were `heard`.

        What was said at one moment holds as it was said last. Noted is what differs at the end.
        """
        touched = np.unique(np.append(ids, heard[0]))
        before = self.session[touched]
        order = np.argsort(said_us, kind="stable")
        for terminal, state, at in zip(
            ids[order].tolist(), up[order].tolist(), said_us[order].tolist(), strict=True
        ):
            if at >= self.session_us[terminal] and self.session[terminal] != state:
                self.session[terminal] = state
                self.session_us[terminal] = at
        self._take_heard(*heard)
        changed = touched[self.session[touched] != before]
        for state in (UP, DOWN):
            now = changed[self.session[changed] == state]
            changes.add("session", state == UP, now, self.session_us[now])

    def _take_heard(self, ids: Int32s, came_us: Int64s) -> None:
        """Who was heard, sorted, after its session was gone has a session again."""
        again = (self.session[ids] == DOWN) & (came_us > self.session_us[ids])
        ids, came_us = ids[again], came_us[again]
        first = _firsts(ids)
        self.session[ids[first]] = UP
        self.session_us[ids[first]] = came_us[first]

    def due(self, hearing: Hearing) -> tuple[Ids, Int64s]:
        """Who is not silent and has been awaited long enough, and since when."""
        due = np.maximum(self.data_us, hearing.since_us)
        due += np.where(self.pause > 0, self.pause, self.patience).astype(np.int64) * _SECOND_US
        fell = np.flatnonzero(
            (due < hearing.until_us)
            & (self.silent_us == 0)
            & (self.data_us > 0)
            & (self.patience > 0)
        )
        return fell, due[fell]

    def look(self, hearing: Hearing, changes: Changes) -> None:
        """Find who is silent by now, and who is not any more because its patience has grown."""
        fell, due = self.due(hearing)
        self.silent_us[fell] = due
        changes.add("data", False, fell, due)
        silent = np.flatnonzero(self.silent_us)
        patient = silent[self._due(silent, self.data_us[silent], 0) >= hearing.until_us]
        self.silent_us[patient] = 0
        changes.add("data", True, patient, np.full(len(patient), hearing.until_us))

    def _due(self, ids: Ids, came_us: Int64s, listening_us: Int64s | int) -> Int64s:
        """When data that came, or was listened for, since then has been awaited long enough."""
        seconds = np.where(self.pause[ids] > 0, self.pause[ids], self.patience[ids])
        waited: Int64s = seconds.astype(np.int64) * _SECOND_US
        waited += np.maximum(came_us, listening_us)
        return waited


def _firsts(ids: Int32s) -> Flags:
    """Which of some sorted numbers differ from the one before."""
    first = np.ones(len(ids), np.bool_)
    first[1:] = ids[1:] != ids[:-1]
    return first
