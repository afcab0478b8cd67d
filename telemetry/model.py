"""What was measured, in words: events, refusals, what may become of a message; no I/O."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias

Value: TypeAlias = float | int | bool | str

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(unix_us: int) -> datetime:
    """The instant of a Unix time in microseconds."""
    return _EPOCH + timedelta(microseconds=unix_us)


def delay_seconds(time_us: int, received_us: int) -> int:
    """Our clock less the terminal's, to the nearest second."""
    return (received_us - time_us + 500_000) // 1_000_000


class Fate(StrEnum):
    """What became of a message, or of a part of it."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    HELD = "held"


class Reason(StrEnum):
    """Why a message, or a part of it, is in quarantine (closed list of the contract)."""

    MALFORMED = "malformed"
    UNKNOWN_TERMINAL = "unknown_terminal"
    NOT_IN_SERVICE = "not_in_service"
    WRONG_IDENTITY = "wrong_identity"
    UNKNOWN_METRIC = "unknown_metric"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    CLOCK = "clock"
    OTHER_OWNER = "other_owner"
    TOO_LARGE = "too_large"
    FLOOD = "flood"
    CONFLICT = "conflict"
    REFUSED_BY_DATABASE = "refused_by_database"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a terminal at `time_us` (Unix us); `data` is JSON text.

    `session` is whether the terminal then has a session with the broker, where it tells that;
    `framed` is True of what came in a frame, as a profile's data does, and None of all else.
    """

    terminal_id: int
    time_us: int
    received_us: int
    code: str
    severity: str
    text: str | None
    data: str | None
    session: bool | None = None
    framed: bool | None = None

    @property
    def delay_seconds(self) -> int:
        """Our clock less the terminal's, to the nearest second."""
        return delay_seconds(self.time_us, self.received_us)

    @property
    def digest(self) -> int:
        """What tells two events of one code at one moment apart, as a bigint."""
        said = "\0".join((self.severity, self.text or "", self.data or ""))
        return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8], signed=True)


OWN_CODES = "identity."
"""What the codes of our own events begin with; no terminal may use them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a terminal says of itself, in normal form; None where it does not say."""

    imei: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    apn: str | None = None
    firmware: str | None = None
    model: str | None = None
    boot: str | None = None


class Refusal(NamedTuple):
    """Why a message, or a part of it, goes to quarantine, with the raw message."""

    received_us: int
    topic: str
    payload: bytes
    terminal_id: int | None
    reason: Reason
    detail: str

    @property
    def digest(self) -> bytes:
        """By which the same message, sent again, is the same item."""
        return hashlib.sha256(self.topic.encode() + b"\0" + self.payload).digest()


@dataclass(frozen=True, slots=True)
class Pending:
    """A refused message that is to be taken again; its payload as far as it is kept."""

    replay_id: int
    item_id: int
    topic: str
    payload: bytes
    payload_bytes: int
    received_us: int

    @property
    def is_gone(self) -> bool:
        """Whether it was forgotten meanwhile."""
        return self.payload_bytes < 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        return len(self.payload) == self.payload_bytes


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a refused message that was taken again; no fate: it was forgotten."""

    replay_id: int
    item_id: int
    fate: Fate | None
    reason: Reason | None
    detail: str | None


# --- what readers get ---------------------------------------------------------------------------


class Aggregate(StrEnum):
    """How the values of a bucket become one."""

    AVERAGE = "avg"
    MINIMUM = "min"
    MAXIMUM = "max"
    SUM = "sum"
    COUNT = "count"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class LatestValue:
    """The newest value of a metric, and when the terminal measured it."""

    metric: str
    time: datetime
    value: Value


class Fill(StrEnum):
    """What becomes of steps without a value: left out, null, the value before, or a line."""

    NONE = "none"
    NULL = "null"
    PREVIOUS = "previous"
    LINEAR = "linear"


class Resolution(StrEnum):
    """Of what a series is made: raw readings, roll-ups by hour or by day, or several of these."""

    RAW = "raw"
    HOURLY = "hourly"
    DAILY = "daily"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values of some metrics over time: `columns[metric][k]` is at `times[k]`, None where absent.

    `times` are when the terminal measured, or with `step_seconds` where steps begin. It stands for
    so many `readings`, and is `thinned` where not all of their values are in it.
    """

    terminal: str
    resolution: Resolution
    step_seconds: int | None
    aggregate: Aggregate | None
    fill: Fill
    timezone: str | None
    thinned: bool
    readings: int
    times: Sequence[datetime]
    columns: Mapping[str, Sequence[Value | None]]


class Across(StrEnum):
    """How the values that terminals have in a step become one."""

    AVERAGE = "avg"
    MINIMUM = "min"
    MAXIMUM = "max"
    SUM = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSeries:
    """One metric of many terminals together, one `value` a step.

    Columns are `value`, and of how many `readings` and `terminals` it is made. `terminals` are in
    the set; not each of them need have said something.
    """

    profile: str
    metric: str
    step_seconds: int
    aggregate: Aggregate
    across: Across
    fill: Fill
    timezone: str | None
    resolution: Resolution
    terminals: int
    readings: int
    times: Sequence[datetime]
    columns: Mapping[str, Sequence[Value | None]]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is kept; `delay_seconds` is our clock less the terminal's."""

    time: datetime
    terminal: str
    delay_seconds: int
    code: str
    severity: str
    text: str | None
    data: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """A refused message: `payload` is the first part of it, `payload_bytes` how long it was.

    The same message refused again for the same reason counts up. `terminal` is None where the
    topic names nobody we know. `resolved_at` is when a replay could store it after all.
    """

    id: int
    received_at: datetime
    last_received_at: datetime
    count: int
    bridge: str
    topic: str
    terminal: str | None
    reason: Reason
    detail: str
    payload: bytes
    payload_bytes: int
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Search:
    """Which refused messages are meant; `topic` is how theirs begins.

    They came, first or again, from `start` until before `end`. Resolved ones only where wanted.
    """

    terminal: str | None = None
    reason: Reason | None = None
    topic: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Storm:
    """Of a terminal (None: of strangers), a reason and a day more came than is kept raw.

    `messages` of `bytes` came from `first_at` to `last_at`, `kept` of them are items; the last one
    had this `topic` and `detail`.
    """

    day: date
    terminal: str | None
    reason: Reason
    first_at: datetime
    last_at: datetime
    messages: int
    bytes: int
    kept: int
    topic: str
    detail: str


@dataclass(frozen=True, slots=True)
class Replay:
    """Refused messages that somebody wanted taken again, by what has become of them so far."""

    id: int
    requested_at: datetime
    requested_by: str
    items: int
    waiting: int
    stored: int
    duplicate: int
    quarantined: int
    gone: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item of a replay; None while it waits."""

    item_id: int
    outcome: str | None
    reason: Reason | None
    detail: str | None
    settled_at: datetime | None


class DataState(StrEnum):
    """Whether data came from a terminal within its expected interval, times its tier's patience."""

    ONLINE = "online"
    SILENT = "silent"
    NEVER = "never"


class SessionState(StrEnum):
    """Whether a terminal has a session with the broker, as far as it or its last will told."""

    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PauseNow:
    """A pause that a terminal is in: why, since when by its own clock, and how often data comes."""

    reason: str
    since: datetime
    expected_interval_seconds: int | None


@dataclass(frozen=True, slots=True)
class Presence:
    """Two separate facts of a terminal, each with its own time by our clock.

    `data_at` is when data last came, `silent_since` when it had been awaited for long enough;
    `session_since` is when the session was last seen to begin or end, None while it is unknown.
    """

    data_at: datetime | None = None
    silent_since: datetime | None = None
    session: SessionState = SessionState.UNKNOWN
    session_since: datetime | None = None

    @property
    def data(self) -> DataState:
        """Whether data comes."""
        if self.data_at is None:
            return DataState.NEVER
        return DataState.ONLINE if self.silent_since is None else DataState.SILENT


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """From `time` on a terminal's `fact` (`data` or `session`) was `present`, or no longer."""

    time: datetime
    fact: str
    present: bool


@dataclass(frozen=True, slots=True)
class Clock:
    """Until when presence is known, and since when terminals were listened for without a break.

    None until a bridge has said so for the first time.
    """

    as_of: datetime | None
    listening_since: datetime | None
