"""Exports in words: what is asked for, what becomes of it, what can be wrong with it; no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from foundation.errors import Invalid, NotFound, NotPermitted, Refused
from foundation.settings import Settings

PART_BYTES = 512 * 1024
"""Of every part of a file but its last."""
MOST_CODES = 1_000
MOST_TERMINALS = 100_000
MOST_AT_WORK = 3


class Content(StrEnum):
    """What is exported: what terminals measured, or what happened at them."""

    READINGS = "readings"
    EVENTS = "events"


class ExportFormat(StrEnum):
    """How the file is written; CSV and NDJSON are packed with gzip."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class ExportState(StrEnum):
    """The life of an export; there is a file while it is `done`, and only then."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    DELETED = "deleted"


UNFINISHED = frozenset({ExportState.QUEUED, ExportState.RUNNING})
FILE_ENDINGS = {
    ExportFormat.CSV: "csv.gz",
    ExportFormat.NDJSON: "ndjson.gz",
    ExportFormat.PARQUET: "parquet",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an export is of: some terminals by code, or one set of them, in a window.

    A set is a collection, what a group client owned at the time, or what is installed in a region;
    with a `profile` only the terminals that are of it. No `metrics` are all.
    """

    content: Content
    start: datetime
    end: datetime
    terminals: tuple[str, ...] = ()
    collection: int | None = None
    group_client: str | None = None
    region: int | None = None
    profile: str | None = None
    metrics: tuple[str, ...] = ()
    marked: bool = False

    def document(self) -> dict[str, Any]:
        """As it is kept, told of in the audit, and written into the file; what is absent is not."""
        kept = {
            "content": self.content.value,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "terminals": list(self.terminals),
            "collection": self.collection,
            "group_client": self.group_client,
            "region": self.region,
            "profile": self.profile,
            "metrics": list(self.metrics),
            "marked": self.marked,
        }
        return {name: value for name, value in kept.items() if value or value == 0}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """The inverse of `document`."""
        given = dict(kept)
        start, end = (datetime.fromisoformat(given.pop(name)) for name in ("from", "to"))
        for name in ("terminals", "metrics"):
            given[name] = tuple(given.get(name, ()))
        return cls(start=start, end=end, **given | {"content": Content(given["content"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One export: who asked for what, and how far it is; `rows` and bytes are those written.

    `problem` and its sentence say why it failed. A file that is done expires.
    """

    id: int
    asked_by: str
    asked_at: datetime
    wanted: Wanted
    format: ExportFormat
    state: ExportState
    terminals: int
    terminals_read: int
    rows: int
    size_bytes: int
    sha256: bytes | None
    has_card_numbers: bool
    problem: str | None
    problem_text: str | None
    read_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None

    @property
    def file_name(self) -> str:
        """What the file is called."""
        return f"{self.wanted.content}-{self.id}.{FILE_ENDINGS[self.format]}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an installation lets exports have: days that a file is kept, and bytes."""

    days: int = 7
    file_bytes: int = 2 * 1024**3
    all_bytes: int = 8 * 1024**3

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings of a process say."""
        return cls(settings.export_days, settings.export_max_bytes, settings.exports_max_bytes)


class ExportNotFound(NotFound):
    """There is no such export, or it is not yours to see."""

    code = "export_not_found"


class ExportInvalid(Invalid):
    """Name terminals, or one collection, group client or region."""

    code = "export_invalid"


class ExportTooWide(Invalid):
    """These are more than 100,000 terminals."""

    code = "export_too_wide"
    remedy = "Ask for them in several exports: region by region, or by collections."


class ExportTooLarge(Invalid):
    """The file would be larger than this installation allows one to be."""

    code = "export_too_large"
    remedy = "Ask for a shorter time, fewer terminals or fewer metrics, in several exports."


class ExportsBusy(Refused):
    """Three exports of yours wait or are being written."""

    code = "exports_busy"
    remedy = "Wait until one is done, or cancel one."


class ExportQuotaReached(Refused):
    """Your tier allows no more exports within 24 hours."""

    code = "export_quota_reached"
    remedy = "Ask again tomorrow, for less, or your account manager for another tier."


class ExportsFull(Refused):
    """There is no room for another file."""

    code = "exports_full"
    remedy = "Delete exports that nobody needs, or wait until the oldest ones expire."


class ExportNotDone(Refused):
    """This export has no file."""

    code = "export_not_done"
    remedy = "Wait until it is done, or ask for it anew where it failed or is over."


class ExportOutOfSight(NotPermitted):
    """This file holds what you may no longer see."""

    code = "export_out_of_sight"
    remedy = "Ask for it anew: you get what you may see now."


class ScopeChanged(Refused):
    """What you may see changed while this was read."""

    code = "export_scope_changed"
    remedy = "Ask for it anew."
