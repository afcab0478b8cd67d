"""SIMs as the verbs hand them around: the values of `sims` and `sim_lists`; no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from registry.identifiers import Eid, Iccid, Imsi, Msisdn
from registry.model import GroupClientId, RegionCode, SetBy, SimId, SimState


@dataclass(frozen=True, slots=True, kw_only=True)
class Sim:
    """A SIM on the roll; `eid` is the chip of an embedded one.

    Beside its `state` stand why and by whom it was set, the state that is `intended` and the
    `pending_job` that is to bring it there. Test and silent period have their ends; `period_until`
    is the end of the one it is in, `activates_at` when Muster puts it into use by itself.
    `group_client_id` None means that it is the operator's own. `terminal_code` is the terminal it
    is in, None where it is in none or in one that the asker does not see: `installed` says which.
    `order_ref` is the order under which it came, for those who read imports.
    """

    id: SimId
    iccid: Iccid
    imsi: Imsi | None
    msisdn: Msisdn | None
    eid: Eid | None
    state: SimState
    reason: str | None
    set_by: SetBy
    intended: SimState | None
    pending_job: str | None
    since: datetime
    apn: str | None
    plan: str | None
    test_until: datetime | None
    silent_until: datetime | None
    period_until: datetime | None
    activates_at: datetime | None
    group_client_id: GroupClientId | None
    group_client_code: str | None
    group_client_name: str | None
    region_code: RegionCode
    registered_at: datetime
    version: int
    installed: bool
    terminal_code: str | None
    order_ref: str | None


@dataclass(frozen=True, slots=True)
class StateChange:
    """From which state to which a SIM went; `actor` is None where the asker reads no audit."""

    id: int
    at: datetime
    from_state: SimState
    to_state: SimState
    set_by: SetBy
    actor: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Stay:
    """From when to when a SIM was in a terminal; `valid_to` None is still."""

    terminal_code: str
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class Placement:
    """A SIM and the terminal that it is to be in."""

    iccid: Iccid
    terminal: str


@dataclass(frozen=True, slots=True)
class ActivationsAhead:
    """How many SIMs are put into use by themselves until `until`, by day (UTC).

    Where there are more than can be counted, the first ones: `exact` is False then.
    """

    until: datetime
    days: Sequence[tuple[date, int]]
    exact: bool

    @property
    def total(self) -> int:
        return sum(sims for _, sims in self.days)


class Oddity(StrEnum):
    """What is odd about a SIM's numbers; it warns, and nothing of it makes a number wrong."""

    ICCID_LETTERS = "iccid_letters"
    ICCID_CHECK_DIGIT = "iccid_check_digit"
    IMSI_UNKNOWN_NETWORK = "imsi_unknown_network"
    IMSI_OTHER_OPERATOR = "imsi_other_operator"
    MSISDN_UNKNOWN_RANGE = "msisdn_unknown_range"
    MSISDN_OTHER_OPERATOR = "msisdn_other_operator"

    @property
    def field(self) -> str:
        """Which number it is about."""
        return self.partition("_")[0]

    @property
    def sentence(self) -> str:
        """What is odd, for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Oddity.ICCID_LETTERS: "The ICCID holds hexadecimal letters.",
    Oddity.ICCID_CHECK_DIGIT: "The ICCID's check digit (Luhn) does not fit.",
    Oddity.IMSI_UNKNOWN_NETWORK: "The IMSI is of no network that is known here.",
    Oddity.IMSI_OTHER_OPERATOR: "The IMSI is of another operator's network.",
    Oddity.MSISDN_UNKNOWN_RANGE: "The MSISDN is in no range of numbers that is known here.",
    Oddity.MSISDN_OTHER_OPERATOR: "The MSISDN is in another operator's range (it may have been"
    " carried over).",
}
