"""Notices what the broker has lost of what it acknowledged: pure, clocks passed in.

A broker that forgets our session says so. One that comes back with our session, but from an old
save, does not: so we have it keep a mark, a retained message of ours that says what time it is, and
ask for it on each connection. An older mark than the last one that came back is a memory that was
lost. Where nobody listened when the broker went down (we were away, or stood still), its uptime
says that it did and nothing says what it forgot: that counts as lost, too, unless we had been
stopped on purpose.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from telemetry.gaps import GapKind, Loss, Seen

MARK_SECONDS = 0.1
UPTIME = "$SYS/broker/uptime"
DROPPED = "$SYS/broker/publish/messages/dropped"

_SECOND_US = 1_000_000
_LISTENING_US = 2 * _SECOND_US  # a mark came back within that time: we listened
_STALE_US = 12 * _SECOND_US  # $SYS is told every 10 seconds
_MOST_EARLY = 100
_MOST_DIGITS = 18


class Losses:
    """One bridge's account with its broker; what is told before `begin` is judged then."""

    def __init__(self, prefix: str, bridge: str) -> None:
        self.mark_topic = f"{prefix}/{bridge}/mark"
        self.topics = (self.mark_topic, UPTIME, DROPPED)
        self.seen = Seen()
        self.lost: list[Loss] = []
        """What is still to be recorded."""
        self._begun = False
        self._early: list[Callable[[], None]] = []
        self._uptime_seconds: int | None = None
        self._knows_start = False
        self._gone_us: int | None = None
        self._heard_us: int | None = None
        self._listened = False
        self._accounted = True

    def begin(self, seen: Seen) -> None:
        """Go on from what was seen before; again is nothing."""
        if self._begun:
            return
        self.seen, self._gone_us, self._begun = seen, seen.marked_us, True
        for told in self._early:
            told()
        self._early.clear()

    def stop(self) -> None:
        """We go on purpose: what the broker does meanwhile is planned."""
        self.seen = replace(self.seen, stopped=True)

    def connected(self, now_us: int, *, session_present: bool) -> None:
        """The broker took us in."""
        if not self._begun:
            self._early.append(partial(self.connected, now_us, session_present=session_present))
            return
        self._accounted = self._knows_start = False
        if not session_present and self.seen.session:
            self._account(GapKind.SESSION_LOST, now_us)
        self.seen = replace(self.seen, session=True)

    def next_mark(self, now_us: int) -> bytes:
        """What to have the broker keep now: a number that rises, though our clock be set back.

        And what time it is.
        """
        return b"%d %d" % (max(now_us, (self.seen.marked_us or 0) + 1), now_us)

    def disconnected(self, now_us: int) -> None:
        """The connection ended."""
        heard_us = self._heard_us
        self._listened = heard_us is not None and now_us - heard_us < _LISTENING_US
        self._gone_us = now_us

    def notice(self, topic: str, payload: bytes, now_us: int, *, retained: bool) -> None:
        """What the broker says on one of `topics`; `retained` if it is what the broker kept."""
        if not self._begun:
            if len(self._early) < _MOST_EARLY:
                self._early.append(partial(self.notice, topic, payload, now_us, retained=retained))
            return
        said = payload.split()
        if not said or not said[0].isdigit() or len(said[0]) > _MOST_DIGITS:
            return
        number = int(said[0])
        marked_us = self.seen.marked_us
        if topic == UPTIME:
            self._hear_uptime(number, now_us)
        elif topic == DROPPED:
            self._hear_dropped(number, now_us)
        elif not retained:
            self.seen = replace(self.seen, marked_us=max(number, marked_us or 0))
            self._heard_us = _time_of(said)
        elif marked_us is not None and number < marked_us:
            gone_us = now_us if self._gone_us is None else min(self._gone_us, now_us)
            self._account(GapKind.BROKER_RESTARTED, gone_us, _time_of(said))

    def _hear_uptime(self, uptime_seconds: int, now_us: int) -> None:
        """Has it restarted since we last heard of it, and did we listen?

        Within one connection it has not: if it seems to have, then our clock was set.
        """
        started_us = now_us - uptime_seconds * _SECOND_US
        known_us = self.seen.started_us
        fell = self._uptime_seconds is not None and uptime_seconds < self._uptime_seconds
        again = fell or (known_us is not None and started_us > known_us + _STALE_US)
        if again and not (self._knows_start or self._listened or self.seen.stopped):
            self._account(GapKind.BROKER_RESTARTED, started_us)
        self._uptime_seconds, self._knows_start = uptime_seconds, True
        first_us = started_us if again or known_us is None else min(started_us, known_us)
        self.seen = replace(self.seen, started_us=first_us, stopped=False)

    def _hear_dropped(self, dropped: int, now_us: int) -> None:
        before, since_us = self.seen.dropped, self.seen.dropped_us
        if before is not None and since_us is not None and dropped != before:
            count = dropped - before if dropped > before else dropped
            if count:
                self.lost.append(Loss(GapKind.BROKER_DROPPED, since_us, now_us, count))
        self.seen = replace(self.seen, dropped=dropped, dropped_us=now_us)

    def _account(self, kind: GapKind, ends_us: int, begins_us: int | None = None) -> None:
        """One loss a connection: what went with the session has not been lost once more."""
        if not self._accounted:
            if begins_us is None:
                begins_us = ends_us if self._gone_us is None else self._gone_us
            self.lost.append(Loss(kind, min(begins_us, ends_us), ends_us))
        self._accounted = True


def _time_of(mark: Sequence[bytes]) -> int:
    """When it was made, by our clock then; its number where it does not say."""
    said = mark[-1]
    return int(said if said.isdigit() and len(said) <= _MOST_DIGITS else mark[0])
