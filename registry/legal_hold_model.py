"""Legal holds, and what can be wrong with one; no I/O."""

from dataclasses import dataclass
from datetime import datetime

from foundation.database import register_refusals
from foundation.errors import Invalid, NotFound, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    """What was measured between two instants of one thing, named by its code, is not dropped.

    Of a group client and those below it, of a terminal, or of a device profile; None of `since` and
    `until` is from the beginning and still. Over once it is lifted. `placed_by` and `lifted_by` are
    as the audit names them.
    """

    id: int
    group_client: str | None
    terminal: str | None
    profile: str | None
    since: datetime | None
    until: datetime | None
    reason: str
    reference: str
    placed_at: datetime
    placed_by: str
    lifted_at: datetime | None
    lifted_by: str | None
    lift_reason: str | None
    version: int


class LegalHoldNotFound(NotFound):
    """There is no such legal hold."""

    code = "legal_hold_not_found"


class LegalHoldInvalid(Invalid):
    """A legal hold is on one group client, terminal or profile, and says why, after what paper."""

    code = "legal_hold_invalid"
    remedy = "Name one of the three; a reason has 1 to 500 characters, a reference 1 to 200."


class LegalHoldLifted(Refused):
    """The legal hold is lifted already."""

    code = "legal_hold_lifted"
    remedy = "Place a new one; what was dropped since does not come back."


class LegalHoldWindowEmpty(Invalid):
    """What a legal hold keeps begins before it ends."""

    code = "legal_hold_window_empty"
    remedy = "Give a later end, or none."

    def __init__(self) -> None:
        super().__init__(field="until")


register_refusals(
    {
        "hold_is_on_one_thing": LegalHoldInvalid,
        "hold_reason_is_short": LegalHoldInvalid,
        "hold_reference_is_short": LegalHoldInvalid,
        "hold_lift_reason_is_short": LegalHoldInvalid,
        "hold_window_is_ordered": LegalHoldWindowEmpty,
    }
)
