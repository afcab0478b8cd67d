"""What is owned and what it measures: the values every room above passes around; no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, NamedTuple, NewType, TypeVar

from registry.conditions import Condition
from registry.identifiers import Imei, WireName

TerminalId = NewType("TerminalId", int)
GroupClientId = NewType("GroupClientId", int)
ProfileId = NewType("ProfileId", int)
RegionCode = NewType("RegionCode", int)
SimId = NewType("SimId", int)

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list; `next_key` opens the page after it, None says that this was the last."""

    items: Sequence[Item]
    next_key: str | None


# --- what a terminal measures ------------------------------------------------------------------


class Sector(StrEnum):
    """The application field of a device profile."""

    POWER = "power"
    TRANSPORT = "transport"
    SECURITY = "security"


class MetricType(StrEnum):
    """What a metric's values are, in PostgreSQL's own words."""

    DOUBLE = "double"
    BIGINT = "bigint"
    BOOLEAN = "boolean"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of a profile's table; `low` and `high` are inclusive, in `unit` (UCUM).

    `decimals` is set on a double only: the value is then stored as a bigint scaled by 10^decimals.
    """

    name: str
    type: MetricType
    unit: str | None
    low: float | None
    high: float | None
    decimals: int | None
    title_zh: str
    title_en: str
    hidden: bool = False
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """What an event means for silence: from `after` until `until`, both codes of events.

    Meanwhile data is awaited every `expected_interval_seconds`; where that is None it is missed as
    ever, and `reason` (parked, power_lost, disarmed, ...) says why it does not come.
    """

    reason: str
    after: str
    until: str
    expected_interval_seconds: int | None = None


UNDEFINED_PROFILE = ProfileId(0)
"""The id of a profile that the registry has not defined yet (read from a document)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProfile:
    """What a kind of terminal measures, how it says it, and how often; `version` counts from 1.

    `code` names its table, `codec_options` are those of `codecs.CODECS`. A reading is accepted from
    `clock_back_seconds` before our clock to `clock_ahead_seconds` after; None days are for ever.
    """

    id: ProfileId
    code: str
    sector: Sector
    title_zh: str
    title_en: str
    codec: str
    codec_options: Mapping[str, str | bool] = field(default_factory=dict, hash=False)
    expected_interval_seconds: int
    clock_back_seconds: int = 2_592_000
    clock_ahead_seconds: int = 600
    chunk_days: int = 7
    raw_days: int | None = None
    rollup_days: int | None = None
    metrics: tuple[Metric, ...]
    pauses: tuple[Pause, ...] = ()
    version: int = 1


# --- where, and by whom ------------------------------------------------------------------------


class RegionLevel(StrEnum):
    """The three levels of supervision."""

    HEADQUARTERS = "headquarters"
    PROVINCE = "province"
    CITY = "city"


class RegionRange(NamedTuple):
    """The codes of a region and of everything below it, both ends inclusive."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Region:
    """A node of the supervision tree: its subtree is every code from `code` to `last_code`.

    `tile_row` and `tile_column` (from 0) place a province on the tile grid.
    """

    code: RegionCode
    last_code: RegionCode
    level: RegionLevel
    parent_code: RegionCode | None
    name_zh: str
    name_en: str
    tile_row: int | None = None
    tile_column: int | None = None

    @property
    def range(self) -> RegionRange:
        return RegionRange(self.code, self.last_code)


class IndustryClass(StrEnum):
    """How the operator treats an industry: it grows, it is being incubated, or neither."""

    GROWTH = "growth"
    INCUBATION = "incubation"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Industry:
    """A group client's trade."""

    code: str
    title_zh: str
    title_en: str
    industry_class: IndustryClass


@dataclass(frozen=True, slots=True)
class Tier:
    """A service level: what a group client may have, and how closely it is watched.

    A terminal is offline after `offline_factor` times its profile's expected interval; a quota
    of None is no limit, and so is None for what its terminals may send a second, in messages and in
    payload bytes. A client tries a tier with `trial_days` for so long, and falls back to the tier
    `after_trial`; None is for as long as it likes.
    """

    code: str
    title_zh: str
    title_en: str
    offline_factor: float
    history_days: int
    terminal_quota: int | None
    messages_per_second: int | None = None
    bytes_per_second: int | None = None
    alarm_response_minutes: int | None = None
    series_cap: int | None = None
    exports_per_day: int | None = None
    export_bytes_per_day: int | None = None
    trial_days: int | None = None
    after_trial: str | None = None


class FileState(StrEnum):
    """The life of a client file."""

    SURVEYED = "surveyed"
    FILED = "filed"
    VERIFIED = "verified"
    DUE = "due"
    CLOSED = "closed"


class Standing(StrEnum):
    """Whether somebody is a client at all; another field than the file's state."""

    PROSPECT = "prospect"
    CUSTOMER = "customer"
    LOST = "lost"


class ValueGrade(StrEnum):
    """How much a group client matters to the operator, A the most."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupClient:
    """An enterprise customer, supervised by `region_code` at `level`, a child of `parent_id`.

    `credit_code` is its number in the public register of companies; `watched` marks it for close
    care, and is None, as is `value_grade`, where neither is the asker's to know; it tries its tier
    until `tier_until`, None is for good; `version` counts its changes from 1.
    """

    id: GroupClientId
    code: str
    name: str
    parent_id: GroupClientId | None
    region_code: RegionCode
    level: RegionLevel
    industry_code: str
    tier_code: str
    tier_until: datetime | None
    credit_code: str | None
    file_state: FileState
    file_since: datetime
    standing: Standing
    standing_since: datetime
    value_grade: ValueGrade | None
    watched: bool | None
    created_at: datetime
    version: int


# --- terminals and what is in them -------------------------------------------------------------


class TerminalState(StrEnum):
    """The life of a terminal, and what each state allows."""

    may_connect: bool
    stores_readings: bool
    counts_in_rates: bool
    raises_alarms: bool

    # The defaults are for the type checker, which reads a look-up as a call of this.
    def __new__(
        cls,
        text: str,
        connects: bool = False,
        stores: bool = False,
        counts: bool = False,
        alarms: bool = False,
    ) -> "TerminalState":
        state = str.__new__(cls, text)
        state._value_ = text
        state.may_connect = connects
        state.stores_readings = stores
        state.counts_in_rates = counts
        state.raises_alarms = alarms
        return state

    #              text           connects stores counts alarms
    REGISTERED = ("registered", False, False, False, False)
    PROVISIONED = ("provisioned", True, True, False, False)
    TESTING = ("testing", True, True, False, False)
    IN_SERVICE = ("in_service", True, True, True, True)
    MAINTENANCE = ("maintenance", True, True, False, False)
    ISOLATED = ("isolated", True, False, False, False)
    RETIRED = ("retired", False, False, False, False)


@dataclass(frozen=True, slots=True)
class TerminalRef:
    """All that the message path needs to know of a terminal.

    `owner_since_us` (Unix microseconds) opens the present ownership interval, None is minus
    infinity: a reading observed before it is the business of another owner. `client_id` is that
    owner, None the operator.
    """

    id: TerminalId
    code: str
    profile: DeviceProfile
    state: TerminalState
    owner_since_us: int | None
    client_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """The device as a logical thing that survives a change of hardware or SIM.

    `group_client_id` None means that the operator itself owns it; `owner_since` None, since ever.
    `group_client_code` is None, too, where the asker may not see the owner's file. A terminal is
    silent when no data came for `silent_after_seconds`.
    `region_code` is where it is installed, `latitude` and `longitude` (WGS-84) exactly where.
    `ownership_epoch` grows with every change of owner: what was ordered before one is void.
    """

    id: TerminalId
    code: str
    name: str | None
    state: TerminalState
    state_since: datetime
    profile_id: ProfileId
    profile_code: str
    group_client_id: GroupClientId | None
    group_client_code: str | None
    owner_since: datetime | None
    region_code: RegionCode
    gateway_id: TerminalId | None
    latitude: float | None
    longitude: float | None
    tags: tuple[str, ...]
    registered_at: datetime
    version: int
    group_client_name: str | None
    silent_after_seconds: int
    ownership_epoch: int
    state_reason: str | None


@dataclass(frozen=True, slots=True)
class TerminalWireName:
    """How a terminal calls itself in a protocol; unique within (kind, gateway)."""

    terminal_id: TerminalId
    gateway_id: TerminalId | None
    wire_name: WireName


class SimState(StrEnum):
    """The life of a SIM at the operator."""

    INVENTORY = "inventory"
    TESTING = "testing"
    SILENT = "silent"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    PRE_CANCELLED = "pre_cancelled"
    CANCELLED = "cancelled"
    TRANSFERRING = "transferring"


class SetBy(StrEnum):
    """Who put a SIM in its state; what the system imposed cannot be left by a user."""

    CLIENT = "client"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Hardware:
    """From when to when a terminal was the modem of this IMEI; `valid_to` None is still."""

    terminal_id: TerminalId
    imei: Imei
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class Installation:
    """From when to when a SIM sat in a terminal; `valid_to` None is still."""

    sim_id: SimId
    terminal_id: TerminalId
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class Ownership:
    """From when to when a group client owned a terminal.

    `group_client_id` None is the operator itself; `valid_from` None is ever, `valid_to` None still.
    """

    terminal_id: TerminalId
    group_client_id: GroupClientId | None
    valid_from: datetime | None
    valid_to: datetime | None
