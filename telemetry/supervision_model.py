"""Roll-ups of supervision: counts by key, and the rates that they give; no I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import StrEnum

from registry.model import Region


class RollUpBy(StrEnum):
    """What is rolled up by."""

    REGION = "region"
    LEVEL = "level"
    INDUSTRY = "industry"
    CLASS = "class"
    SECTOR = "sector"
    TIER = "tier"
    MANAGER = "manager"
    CLIENT = "client"


NOBODY = "_nobody"
"""The account manager of clients that have none; no user has such a name."""


class Rate(StrEnum):
    """A share of two counts, 0 to 1; the more the better."""

    ONLINE = "online_rate"
    ACTIVATION = "activation_rate"
    VERIFIED = "verified_rate"
    COMPLETENESS = "completeness_rate"
    BINDING = "binding_coverage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What there is of a key: terminals by state, SIMs in use, messages of a day, clients.

    `online` are terminals in service whose data comes; `expected` are readings, None where nobody
    can say. Clients have no sector: None by sector. `files_due` are customers whose file is due.
    """

    registered: int = 0
    provisioned: int = 0
    testing: int = 0
    in_service: int = 0
    maintenance: int = 0
    isolated: int = 0
    retired: int = 0
    online: int = 0
    sims_in_use: int = 0
    sims_bound: int = 0
    sims_ok: int = 0
    sims_violated: int = 0
    received: int = 0
    stored: int = 0
    bytes: int = 0
    expected: int | None = None
    prospects: int | None = 0
    customers: int | None = 0
    verified: int | None = 0
    files_due: int | None = 0

    @property
    def terminals(self) -> int:
        """On the roll and not retired."""
        return (
            self.registered
            + self.provisioned
            + self.testing
            + self.in_service
            + self.maintenance
            + self.isolated
        )

    @property
    def online_rate(self) -> float | None:
        """Of the terminals in service, those whose data comes."""
        return _share(self.online, self.in_service)

    @property
    def activation_rate(self) -> float | None:
        """Of the terminals on the roll, those in service."""
        return _share(self.in_service, self.terminals)

    @property
    def verified_rate(self) -> float | None:
        """Of the customers, those whose file is verified and not due."""
        return _share(self.verified, self.customers)

    @property
    def completeness_rate(self) -> float | None:
        """Of the readings that were expected, those that are stored; 1 at most."""
        return _share(self.stored, self.expected)

    @property
    def binding_coverage(self) -> float | None:
        """Of the SIMs in use, those bound and proven by what their terminals say."""
        return _share(self.sims_ok + self.sims_violated, self.sims_in_use)

    @classmethod
    def total(cls, of: Iterable["Counts"]) -> "Counts":
        """All of them together; what one of them does not know, the others say."""
        each = list(of)

        def summed(name: str) -> int | None:
            known = [n for n in (getattr(one, name) for one in each) if n is not None]
            return sum(known) if known or name != "expected" else None

        return cls(**{field.name: summed(field.name) for field in fields(cls)})  # type: ignore[arg-type]

    def rate(self, rate: Rate) -> float | None:
        """One of them by its name; None where there is nothing to be a share of."""
        value: float | None = getattr(self, rate.value)
        return value


def _share(part: int | None, whole: int | None) -> float | None:
    return min(1.0, part / whole) if part is not None and whole else None


@dataclass(frozen=True, slots=True)
class Row:
    """What there is of a key, and what there was on the day compared with.

    The key is a code or an account manager's name; None is what belongs to no client in sight.
    Titles are None where the key speaks for itself.
    """

    key: str | None
    title_zh: str | None
    title_en: str | None
    counts: Counts
    then: Counts | None

    @property
    def grown(self) -> int | None:
        """How many terminals more there are than then."""
        return None if self.then is None else self.counts.terminals - self.then.terminals

    @property
    def customers_grown(self) -> int | None:
        """How many customers more there are than then."""
        now, before = self.counts.customers, self.then.customers if self.then else None
        return None if now is None or before is None else now - before

    def change(self, rate: Rate) -> float | None:
        """By how much a rate is higher than then; None where either is unknown."""
        now, before = self.counts.rate(rate), self.then.rate(rate) if self.then else None
        return None if now is None or before is None else now - before


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the deployment's zone that was taken at its end, or a while after it."""

    day: date
    ended_at: datetime
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class RollUp:
    """Rows by key of what is in sight of `root`: the region asked for, or else the scope's.

    Of now it is known until `as_of` (None: not everybody is counted yet), and SIMs were counted at
    `bindings_at`; of a day, both are when it was taken.
    """

    root: Region | None
    rows: Sequence[Row]
    next_key: str | None
    as_of: datetime | None
    bindings_at: datetime | None
