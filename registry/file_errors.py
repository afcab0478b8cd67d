"""What can be wrong with a client's file and tier, and which broken constraint means it."""

from foundation.database import register_refusals
from foundation.errors import Invalid, Refused


class CreditCodeTaken(Refused):
    """Another group client has this credit code."""

    code = "credit_code_taken"
    remedy = "Check the code; a site or branch without one of its own has none."


class SameHand(Refused):
    """Who filed a file does not verify it."""

    code = "file_same_hand"
    remedy = "Have another person verify it."


class FileClosed(Refused):
    """A closed file is not changed."""

    code = "file_closed"
    remedy = "Have an operator reopen it first."


class FileReasonMissing(Invalid):
    """Who closes or reopens a file says why."""

    code = "file_reason_missing"
    remedy = "Give a reason of 1 to 500 characters."

    def __init__(self) -> None:
        super().__init__(field="reason")


class DueDateInvalid(Invalid):
    """A verification holds for a time to come, ten years at most."""

    code = "due_date_invalid"
    remedy = "Give a later or a nearer date, or none: the tier then says how long."

    def __init__(self) -> None:
        super().__init__(field="due_at")


class ContactInvalid(Invalid):
    """A contact has a name; this, role, telephone and mail have 100 characters at most."""

    code = "contact_invalid"
    remedy = "Correct it; what you do not know stays empty."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, field="contacts")


class EvidenceInvalid(Invalid):
    """A document is known by its name and the 64 hexadecimal digits of its SHA-256."""

    code = "evidence_invalid"
    remedy = "Compute it with `sha256sum FILE`."


class EvidenceThere(Refused):
    """This document is in the file already."""

    code = "evidence_there"
    remedy = "There is nothing to do; a corrected document has another SHA-256."


class FileNotVerified(Refused):
    """The file of the terminal's owner is not verified, and its tier holds terminals in testing."""

    code = "file_not_verified"
    remedy = "Have the file verified first; until then the terminals stay in testing."


class TerminalQuotaReached(Refused):
    """The client's tier allows no more terminals."""

    code = "terminal_quota_reached"
    remedy = "Retire terminals that are not used any more, or have the client's tier changed."


class TrialInvalid(Invalid):
    """A tier that is tried has a number of days and another tier, for good, that it ends in."""

    code = "trial_invalid"
    remedy = "Give both, or neither, and as the tier after it one without an end."


class TrialEndInvalid(Invalid):
    """A trial ends at a time to come, within ten years; a tier that is for good has no end."""

    code = "trial_end_invalid"
    remedy = "Give a later or a nearer time, or none: the tier then says how long."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, field="until")


class TierUnchanged(Refused):
    """The client is on this tier already."""

    code = "tier_unchanged"
    remedy = "There is nothing to do; another end of a trial is given as `until`."


register_refusals(
    {
        "credit_code_is_one_clients": CreditCodeTaken,
        "who_files_does_not_verify": SameHand,
        "evidence_is_added_once": EvidenceThere,
        "file_is_verified_before_service": FileNotVerified,
        "terminal_quota_is_kept": TerminalQuotaReached,
    }
)
