"""A client's file: what is known of a group client, and how far it is vouched for; no I/O."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from registry.file_errors import ContactInvalid, EvidenceInvalid
from registry.identifiers import CreditCode
from registry.model import FileState, GroupClientId, Standing, Tier, ValueGrade

MOST_CONTACTS = 10
NEAR = 0.8
"""From which share of what its tier allows on a client is warned."""
TRIAL_WARNING = timedelta(days=14)
"""How long before its end one is warned of the end of a trial."""

_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{2,30}")
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


class FilePolicy(StrEnum):
    """What a file that is not verified, or due, does to the client's terminals."""

    NONE = "none"
    WARN = "warn"
    HOLD_IN_TESTING = "hold_in_testing"


class FileWarning(StrEnum):
    """What is to be told to whoever puts a client's terminals on the roll or into service."""

    FILE_NOT_VERIFIED = "file_not_verified"
    QUOTA_NEAR = "quota_near"
    MESSAGES_NEAR = "messages_near"
    BYTES_NEAR = "bytes_near"
    TRIAL_ENDING = "trial_ending"


@dataclass(frozen=True, slots=True, kw_only=True)
class TierTerms(Tier):
    """A tier as it is kept, with what it makes of a file and for how many days one is verified."""

    file_policy: FilePolicy
    verification_days: int
    version: int


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to ask at a client."""

    name: str
    role: str | None = None
    phone: str | None = None
    mail: str | None = None

    @classmethod
    def of(cls, name: str, role: str | None, phone: str | None, mail: str | None) -> Self:
        """A contact in normal form, blanks trimmed; ContactInvalid says what is wrong with it."""
        given = [_plain(text) for text in (name, role, phone, mail)]
        named, title, number, address = given
        if named is None or any(len(text) > 100 for text in given if text):
            raise ContactInvalid
        if number is not None and not _PHONE.fullmatch(number):
            raise ContactInvalid("A telephone number has 3 to 32 digits, blanks, +, ( ) and -.")
        if address is not None and not _MAIL.fullmatch(address):
            raise ContactInvalid("A mail address has one @ and a domain.")
        return cls(named, title, number, address)


@dataclass(frozen=True, slots=True)
class Document:
    """What there is to show: its name, and the SHA-256 of its bytes in hexadecimal digits."""

    name: str
    sha256: str
    note: str | None = None

    @classmethod
    def of(cls, name: str, sha256: str, note: str | None) -> Self:
        """A document in normal form; EvidenceInvalid where it is none."""
        named, digest = _plain(name), sha256.strip().lower()
        if named is None or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise EvidenceInvalid(field="sha256" if named else "name")
        return cls(named, digest, _plain(note))


def _plain(text: str | None) -> str | None:
    """Without outer blanks and control characters; None where nothing is left."""
    kept = "".join(c for c in text or "" if unicodedata.category(c) != "Cc")
    return kept.strip() or None


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a client's terminals: how many it has, and what its file and tier make of it.

    `messages_share` and `bytes_share` are what they sent yesterday (UTC) on average, as a share of
    what the tier lets them send a second; None where it lets them send anything.
    """

    file_state: FileState
    file_policy: FilePolicy
    terminals: int
    terminal_quota: int | None
    messages_share: float | None
    bytes_share: float | None
    tier_until: datetime | None

    @property
    def warnings(self) -> tuple[FileWarning, ...]:
        """What is to be told of them."""
        found = []
        if self.file_policy is not FilePolicy.NONE and self.file_state is not FileState.VERIFIED:
            found.append(FileWarning.FILE_NOT_VERIFIED)
        quota = self.terminal_quota
        if quota is not None and self.terminals >= NEAR * quota:
            found.append(FileWarning.QUOTA_NEAR)
        if (self.messages_share or 0) >= NEAR:
            found.append(FileWarning.MESSAGES_NEAR)
        if (self.bytes_share or 0) >= NEAR:
            found.append(FileWarning.BYTES_NEAR)
        if self.tier_until is not None and self.tier_until <= datetime.now(UTC) + TRIAL_WARNING:
            found.append(FileWarning.TRIAL_ENDING)
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFile:
    """What is known of a client, who vouches for it and since when; `version` is the client's.

    `filed_by` and `verified_by` are as the audit names them; a verified file is due at `due_at`.
    `answered_by` answered the survey last, None: nobody has.
    """

    id: GroupClientId
    code: str
    name: str
    file_state: FileState
    file_since: datetime
    file_reason: str | None
    filed_by: str | None
    verified_by: str | None
    due_at: datetime | None
    standing: Standing
    standing_since: datetime
    value_grade: ValueGrade | None
    watched: bool
    credit_code: CreditCode | None
    products: str | None
    rivals: str | None
    expected_terminals: int | None
    needs: str | None
    contacts: Sequence[Contact]
    answered_at: datetime | None
    answered_by: str | None
    tier_code: str
    terms: Terms
    version: int


@dataclass(frozen=True, slots=True)
class FileMove:
    """A state that a file came to; `from_state` None is its beginning."""

    at: datetime
    from_state: FileState | None
    to_state: FileState
    reason: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class StandingChange:
    """A standing that a client came to, since when, and when that was noted."""

    since: datetime
    from_standing: Standing | None
    to_standing: Standing
    reason: str | None
    actor: str
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document that was added to a file: it is never changed or taken out."""

    id: int
    document: Document
    added_at: datetime
    actor: str
