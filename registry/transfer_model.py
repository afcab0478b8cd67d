"""A transfer of terminals from one owner to another, as its sides see it; no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

TransferId = NewType("TransferId", int)


class Side(StrEnum):
    """The two sides of a transfer."""

    GIVING = "giving"
    RECEIVING = "receiving"


class TransferState(StrEnum):
    """The life of a transfer: `proposed -> agreed -> executed`, or one of the other ends."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    EXECUTED = "executed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


OPEN = (TransferState.PROPOSED, TransferState.AGREED)
"""The states in which either side can still step back."""


class Failure(StrEnum):
    """Why an agreed transfer was not carried out, as its `end_reason`."""

    OWNER_CHANGED = "owner_changed"
    TOO_EARLY = "too_early"
    RETIRED = "terminal_retired"
    RECEIVER = "receiver_not_ready"
    REFUSED = "refused_by_database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Terminals (codes) of one owner that are to go to a client (a code; None is the operator).

    At `effective_at`, or as soon as both agree. What they are called, tagged with and where goes
    with them only if `keep_description`. `evidence` is the ground on which the operator agrees for
    a side.
    """

    codes: Sequence[str]
    to_client: str | None
    effective_at: datetime | None = None
    keep_description: bool = False
    message: str | None = None
    evidence: Mapping[Side, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Party:
    """One side: the operator itself, or a client by code, and by name from when it agreed.

    `client_code` is None where the asker is neither a side nor over one. `is_seen` says whether the
    client is one of the asker's own scope.
    """

    side: Side
    is_operator: bool
    client_id: int | None
    client_code: str | None
    client_name: str | None
    agreed_at: datetime | None
    is_seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Terminals that are to go, or went, from one owner to another; `version` counts its changes.

    `effective_at` None is as soon as both have agreed. `proposer_is_giving` says that the giving
    side proposed it, else the operator did. `credentials_at` is when the receiving side was handed
    the new passwords, and is known to that side only.
    """

    id: TransferId
    state: TransferState
    proposer_is_giving: bool
    giving: Party
    receiving: Party
    terminals: int
    effective_at: datetime | None
    keep_description: bool
    message: str | None
    proposed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    credentials_at: datetime | None
    version: int

    @property
    def parties(self) -> tuple[Party, Party]:
        """Both sides."""
        return self.giving, self.receiving


@dataclass(frozen=True, slots=True)
class TransferTerminal:
    """A terminal of a transfer, as the receiving side may know it beforehand."""

    code: str
    profile_code: str


@dataclass(frozen=True, slots=True)
class Step:
    """What was done of a transfer: by whom, for which side, with what to show for it."""

    act: str
    side: Side | None
    at: datetime
    actor: str
    evidence: str | None
