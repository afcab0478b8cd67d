"""What was measured, in words: readings, events and what may become of a message; no I/O."""

from enum import StrEnum


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
