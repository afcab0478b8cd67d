"""What a kind of file is, and what becomes of one: values only, no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foundation.errors import Invalid, NotFound, Refused
from foundation.queries import Queries
from registry.imports.columns import Column
from registry.scope import Right

MOST_FILE_BYTES = 256 * 1024 * 1024
MOST_ROWS = 1_048_576
MOST_COLUMNS = 64
PORTION_ROWS = 5_000
"""Rows that are checked, applied and undone together; the hash over a file's rows stands on it."""
KEPT_DAYS = 30
"""How long rows, verdicts and the chance to undo are kept."""
SECRETS_KEPT_DAYS = 7
"""How long passwords that nobody fetched are kept."""


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    XLSX = "xlsx"
    NDJSON = "ndjson"


class ImportState(StrEnum):
    """The life of a file: checked, then applied, then perhaps undone."""

    WAITING = "waiting"
    CHECKING = "checking"
    CHECKED = "checked"
    UNREADABLE = "unreadable"
    APPLYING = "applying"
    APPLIED = "applied"
    REFUSED = "refused"
    UNDOING = "undoing"
    UNDONE = "undone"
    CANCELLED = "cancelled"


class Severity(StrEnum):
    """Whether a row with such a finding is left out, or taken all the same."""

    ERROR = "error"
    WARNING = "warning"


class RowOutcome(StrEnum):
    """What became of a row, or would: `new` of one that is not applied yet."""

    WRONG = "wrong"
    NEW = "new"
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    UNDONE = "undone"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of file. `sql` holds its named queries:

    `judge` (finds what is wrong with a portion's rows; `judge_after` what follows from that, and
    `judge_file` what only the whole file shows, `judge_after` where there is none), `count_known`
    (how many are on the roll already, as they say), those that apply a portion: what is held
    against others while it is judged and applied (`holding`), then in their order `before` and
    `steps`, of which the first makes what the second notes; `judge_undo` (and `judge_undo_after`)
    and those of `undoing`; `export` reads the same columns back. Of `makes_terminals` what is made
    can be heard; `joins_whole` suits where what is on the roll is no more than a few files.
    """

    name: str
    rights: tuple[Right, ...]
    columns: tuple[Column, ...]
    sql: Queries
    steps: tuple[str, ...]
    undoing: tuple[str, ...]
    rights_of_columns: Mapping[str, tuple[Right, ...]]
    rights_to_read: tuple[Right, ...]
    rights_to_read_columns: Mapping[str, tuple[Right, ...]]
    holding: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    makes_secrets: bool = False
    makes_terminals: bool = False
    joins_whole: bool = False

    def has(self, query: str) -> bool:
        """Whether the kind has such a query: some need none."""
        return query in self.sql.names()

    def place(self, name: str) -> int:
        """Where a column's cell lies in a row, from 1 as PostgreSQL counts."""
        return next(n for n, column in enumerate(self.columns, 1) if column.name == name)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong or odd about a row; `column` '' is the row as a whole."""

    column: str
    code: str
    severity: Severity
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One file and what became of it; counts of rows, `known` ones change nothing.

    `problem` says why it could not be read (in `problem_row` and `problem_column`), or why it was
    not applied. Passwords can be fetched until `secrets_until`, once.
    """

    id: int
    kind: str
    name: str
    order_ref: str | None
    defaults: Mapping[str, str]
    size_bytes: int
    sha256: bytes
    format: Format | None
    encoding: str | None
    columns: Sequence[str]
    asked_by: str
    asked_at: datetime
    state: ImportState
    whole: bool
    rows: int
    wrong: int
    warned: int
    known: int
    position: int
    created: int
    undone: int
    kept: int
    problem: str | None
    problem_row: int | None
    problem_column: str | None
    problem_value: str | None
    applied_at: datetime | None
    secrets_until: datetime | None
    secrets_fetched_at: datetime | None
    swept_at: datetime | None

    @property
    def unchanged(self) -> int:
        """Rows of an applied file that were on the roll before as they say."""
        applied = self.state in (ImportState.APPLIED, ImportState.UNDOING, ImportState.UNDONE)
        return self.rows - self.wrong - self.created if applied else 0


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row of a file, its cells in the order of the kind's columns, and what is said of it."""

    row: int
    cells: Sequence[str | None]
    outcome: RowOutcome
    findings: Sequence[Finding]
    kept: str | None


class ImportNotFound(NotFound):
    """There is no such import, or it is not yours to see."""

    code = "import_not_found"


class KindUnknown(Invalid):
    """Files of this kind cannot be imported."""

    code = "import_kind_unknown"
    remedy = "The reference of the file formats lists the kinds."


class FileTooLarge(Invalid):
    """The file is larger than is accepted."""

    code = "file_too_large"
    remedy = "Send it in several files."


class FileEmpty(Invalid):
    """The file is empty."""

    code = "file_empty"
    remedy = "Send a file with a header and at least one row."


class ImportBusy(Refused):
    """In the state that the import is in, this cannot be done."""

    code = "import_busy"
    remedy = "Look at its state; wait until it is checked or applied."


class SecretsGone(Refused):
    """There are no passwords here to be fetched: they were fetched, or their time is over."""

    code = "passwords_gone"
    remedy = "Issue new ones, for each terminal."


class Unreadable(Exception):
    """A file cannot be read; `code` says why, at which row and in which column."""

    def __init__(
        self,
        code: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.row = row
        self.column = column
        self.value = value
