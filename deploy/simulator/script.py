"""What one terminal will say and when: a pure, endless script that its connection follows.

Reading k of a terminal is measured at a moment that depends on seed and k alone, so that a
simulator that starts again says the same of the same moment.
"""

import heapq
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from deploy.reference.clients import Story
from deploy.simulator import formats
from deploy.simulator.behaviour import Behaviour
from deploy.simulator.broken import spoilt
from deploy.simulator.chance import chance
from deploy.simulator.curves import Value
from deploy.simulator.curves.security import Happening, happenings
from deploy.simulator.fleet import Member
from deploy.simulator.formats import Told
from deploy.simulator.hello import said_at_start
from deploy.simulator.measuring import measured, seed_for

_PHASE, _JITTER, _LATE, _LATE_BY, _DUPLICATE, _BROKEN = range(100, 106)
# At least; more than any tier lets pass, and not so old that presence takes it for history.
_SILENT_SECONDS, _SILENT_INTERVALS = 20 * 60.0, 8


class Kind(StrEnum):
    """What a message is, as the ledger names it."""

    READING = "reading"
    EVENT = "event"
    HELLO = "hello"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a terminal; `suffix` is the topic's last level.

    `expected` is the fate it should meet: stored, duplicate, or quarantined and the reason.
    """

    suffix: str
    payload: bytes
    kind: Kind
    expected: str | None = None
    seq: int | None = None
    ts_ms: int | None = None
    speaker: str | None = None
    """The code of the terminal that it is of, where a gateway says it."""

    @property
    def digest(self) -> str:
        """The first 8 bytes of the payload's SHA-256, in hexadecimal."""
        return sha256(self.payload).hexdigest()[:16]


@dataclass(order=True, slots=True)
class Line:
    """A message and when it is due (Unix seconds)."""

    at: float
    order: int
    message: Message = field(compare=False)


def encoded(document: object) -> bytes:
    """JSON as terminals send it: no spaces, UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


class Script:
    """The script of one member; `boot` tells this start of the terminal from every other."""

    def __init__(self, member: Member, behaviour: Behaviour, boot: int) -> None:
        self.member = member
        self.boot = boot
        self._behaviour = behaviour
        self._seed = seed_for(member, behaviour.seed)
        self._interval = behaviour.interval_seconds or member.interval_seconds
        self._format = formats.of(member.codec)
        coarse_seconds = self._format.coarse_ms / 1000.0 if self._format else 0.0
        # No two readings in one second of a format that tells whole seconds only.
        self._jitter = min(behaviour.jitter, max(0.0, 1.0 - coarse_seconds / self._interval))
        self._seq = 0
        self._last: Message | None = None

    def hello(self) -> Message:
        """What the terminal says of itself at start."""
        document = said_at_start(self.member, self._seed) | {"boot": self.boot}
        return Message("hello", encoded(document), Kind.HELLO)

    def status(self, session: str) -> Message:
        """`online` or `offline`."""
        return Message("status", encoded({"session": session}), Kind.STATUS)

    def lines(self, start: float) -> Iterator[Line]:
        """Everything to send from `start` (Unix seconds) on, in order of sending, for ever.

        A gateway without a name in its codec says nothing. A terminal of the silent city ends: its
        last reading is older than any profile allows, now being `history_seconds` after `start`.
        """
        number = self._number_after(start)
        if self.member.wire_name is None and self.member.codec in formats.NAMED:
            return  # a gateway, which has nothing to say of itself
        if self.member.story is Story.SILENT_CITY:
            silent_seconds = max(_SILENT_SECONDS, _SILENT_INTERVALS * self._interval)
            last = self._number_after(start + self._behaviour.history_seconds - silent_seconds)
            for past in range(min(number, last), last + 1):
                yield Line(max(start, self.measured_at(past)), past, self._reading(past))
            return
        waiting: list[tuple[float, int, int, bool]] = []  # when, in which order, reading, again
        order = 0
        while True:
            due = self.measured_at(number)
            while waiting and waiting[0][0] <= due:
                yield self._line(*heapq.heappop(waiting))
            for happening in self._happenings(number):
                order += 1
                yield Line(due, order, self._event(happening))
            for delay, again in self._sent_of(number):
                order += 1
                if delay:
                    heapq.heappush(waiting, (due + delay, order, number, again))
                else:
                    yield self._line(due, order, number, again)
            number += 1

    def _line(self, at: float, order: int, number: int, again: bool) -> Line:
        """Reading `number`, numbered as it is sent; `again` is the same as just before."""
        if again and self._last is not None:
            fate = self._last.expected
            if fate == "stored" and self.member.codec not in formats.UNTIMED:
                fate = "duplicate"
            return Line(at, order, replace(self._last, expected=fate))
        self._last = self._reading(number)
        return Line(at, order, self._last)

    def _number_after(self, seconds: float) -> int:
        return math.ceil((seconds - self._phase) / self._interval)

    @property
    def _phase(self) -> float:
        return chance(self._seed, _PHASE, 0) * self._interval

    def measured_at(self, number: int) -> float:
        """When reading `number` is measured: Unix seconds, whole milliseconds, rising."""
        moved = self._jitter * (chance(self._seed, _JITTER, number) - 0.5)
        return round((self._phase + (number + 0.999 * moved) * self._interval) * 1000.0) / 1000.0

    def _local(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, self._behaviour.zone)

    def _sent_of(self, number: int) -> Iterator[tuple[float, bool]]:
        """(delay in seconds, whether again) of all that becomes of reading `number`."""
        behaviour, seed = self._behaviour, self._seed
        delay = 0.0
        if chance(seed, _LATE, number) < behaviour.late:
            delay = self._interval * (3.0 + 27.0 * chance(seed, _LATE_BY, number))
        yield delay, False
        if chance(seed, _DUPLICATE, number) < behaviour.duplicates:
            yield delay, True

    def _reading(self, number: int) -> Message:
        at = self.measured_at(number)
        self._seq += 1
        values = measured(self.member, self._seed, self._local(at))
        if self._format is not None:
            return self._frame(number, self._told(round(at * 1000), values))
        document: dict[str, object] = {
            "ts": round(at * 1000),
            "seq": self._seq,
            "boot": str(self.boot),
            "values": values,
        }
        payload, expected = encoded(document), "stored"
        if chance(self._seed, _BROKEN, number) < self._behaviour.broken:
            payload, expected = spoilt(document, self.member.metrics, self._seed, number)
        elif self.member.story is Story.WRONG_UNITS:
            expected = "quarantined:out_of_range"
        return Message("telemetry", payload, Kind.READING, expected, self._seq, round(at * 1000))

    def _told(self, ts_ms: int, values: Mapping[str, Value]) -> Told:
        member = self.member
        return formats.told(member.code, member.wire_name, self._seq, ts_ms, values, member.metrics)

    def _frame(self, number: int, told: Told, happening: Happening | None = None) -> Message:
        """A reading, or what happened, in the member's own format: no number of ours is in it."""
        speaks = self._format
        assert speaks is not None
        kind, ts_ms = Kind.READING, told.ts_ms
        if happening is None:
            frame = speaks.reading(told)
        else:
            assert speaks.happening is not None
            kind, ts_ms = Kind.EVENT, round(happening.at.timestamp() * 1000)
            frame = speaks.happening(told, happening)
        expected = "stored"
        if happening is None and chance(self._seed, _BROKEN, number) < self._behaviour.broken:
            frame, expected = frame[: len(frame) * 2 // 3], "quarantined:malformed"
        return Message(
            "telemetry",
            formats.written(frame, self.member.codec_options),
            kind,
            expected,
            ts_ms=ts_ms - ts_ms % speaks.coarse_ms,
            speaker=self.member.code,
        )

    def _happenings(self, number: int) -> Iterator[Happening]:
        if self.member.profile in {"alarm_panel", "dc09_panel"}:
            after, until = (self._local(self.measured_at(n)) for n in (number - 1, number))
            yield from happenings(self._seed, after, until)

    def _event(self, happening: Happening) -> Message:
        ts_ms = round(happening.at.timestamp() * 1000)
        self._seq += 1
        if self._format is not None:
            return self._frame(0, self._told(ts_ms, {}), happening)
        document: dict[str, object] = {
            "ts": ts_ms,
            "seq": self._seq,
            "boot": str(self.boot),
            "code": happening.code,
            "severity": happening.severity,
            "text": happening.text,
        }
        if happening.zone is not None:
            document["data"] = {"zone": happening.zone}
        return Message("event", encoded(document), Kind.EVENT, "stored", self._seq, ts_ms)
