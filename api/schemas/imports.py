"""Files that are imported, the jobs that do it, and what is said of their rows."""

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from fastapi import Query
from pydantic import Field

from api.console import findings
from api.schemas.shapes import Answer, Body, Utc
from registry.imports.columns import Column
from registry.imports.model import Import, ImportState, JudgedRow, Kind, RowOutcome, Severity
from registry.jobs import Job, JobState

OrderRef = Annotated[
    str | None,
    Query(max_length=64, description="The order under which they came; for who reads imports."),
]


class JobAnswer(Answer):
    """Work that takes longer than a request."""

    id: int = Field(examples=[12])
    kind: str = Field(examples=["import.apply"])
    subject: int = Field(description="The number of the import.", examples=[7])
    asked_by: str = Field(examples=["user:olga"])
    asked_at: Utc
    state: JobState
    done: int = Field(description="Bytes of a check, rows of the others.", examples=[65000])
    total: int | None = Field(examples=[100000])
    per_second: float | None = Field(description="On the average, while it runs.")
    seconds_left: float | None
    started_at: Utc | None
    finished_at: Utc | None
    attempts: int = Field(description="How many processes have taken it up.", examples=[1])
    problem: str | None = Field(description="The code of why it failed.")

    @classmethod
    def of(cls, job: Job) -> Self:
        """With how fast it goes."""
        speed = speed_of(job)
        left = None
        if speed and job.total is not None and job.state is JobState.RUNNING:
            left = max(0.0, (job.total - job.done) / speed)
        names = cls.model_fields.keys() - {"per_second", "seconds_left"}
        told = {name: getattr(job, name) for name in names}
        return cls(**told, per_second=speed, seconds_left=left)


def speed_of(job: Job) -> float | None:
    """What was done a second, on the average; None before it is known."""
    if job.started_at is None or not job.done:
        return None
    seconds = ((job.finished_at or datetime.now(UTC)) - job.started_at).total_seconds()
    return job.done / seconds if seconds > 0 else None


class FileProblem(Answer):
    """Why a file could not be read, or was not applied."""

    code: str = Field(examples=["column_unknown"])
    row: int | None
    column: str | None
    detail: str


class ImportAnswer(Answer):
    """A file and what became of it, counted in rows."""

    id: int = Field(examples=[7])
    kind: str = Field(examples=["terminals"])
    name: str = Field(examples=["nanjing-2026-11.xlsx"])
    order_ref: str | None = Field(examples=["SO-2026-1187"])
    defaults: dict[str, str]
    size_bytes: int
    sha256: str
    format: Literal["csv", "xlsx", "ndjson"] | None
    encoding: str | None
    columns: list[str]
    asked_by: str = Field(examples=["user:olga"])
    asked_at: Utc
    state: ImportState
    whole: bool = Field(description="Applied as a whole or not at all.")
    rows: int
    wrong: int = Field(description="Left out, or reason not to apply anything.")
    warned: int = Field(description="Taken, though something about them is odd.")
    known: int = Field(description="When it was checked: on the roll already, as they say.")
    created: int
    unchanged: int
    undone: int
    kept: int = Field(description="Could not be taken back.")
    problem: FileProblem | None
    applied_at: Utc | None
    passwords_until: Utc | None = Field(description="Until when the one who asked can fetch them.")
    passwords_fetched_at: Utc | None
    job: JobAnswer | None = Field(description="The last one about this file.")

    @classmethod
    def of(cls, found: Import, job: Job | None = None) -> Self:
        """With the last job about it."""
        names = cls.model_fields.keys() - {
            "sha256", "problem", "passwords_until", "passwords_fetched_at", "job",
        }  # fmt: skip
        problem = None
        if found.problem is not None:
            detail = findings.of_file(found.problem, found.problem_row, found.problem_column)
            problem = FileProblem(
                code=found.problem,
                row=found.problem_row,
                column=found.problem_column,
                detail=detail,
            )
        return cls(
            **{name: getattr(found, name) for name in names},
            sha256=found.sha256.hex(),
            problem=problem,
            passwords_until=found.secrets_until,
            passwords_fetched_at=found.secrets_fetched_at,
            job=JobAnswer.of(job) if job else None,
        )


class FindingAnswer(Answer):
    """What is wrong or odd about a row; an empty `column` is the row as a whole."""

    column: str = Field(examples=["imei"])
    code: str = Field(examples=["imei_check_digit"])
    severity: Severity
    value: str | None
    detail: str


class RowAnswer(Answer):
    """One row by its number in the file, its cells in normal form."""

    row: int = Field(examples=[2])
    outcome: RowOutcome
    cells: dict[str, str]
    findings: list[FindingAnswer]
    kept: str | None = Field(description="Why it could not be taken back.", examples=["heard"])

    @classmethod
    def of(cls, judged: JudgedRow, kind: Kind) -> Self:
        """With a sentence for each finding."""
        cells = {
            column.name: cell
            for column, cell in zip(kind.columns, judged.cells, strict=True)
            if cell is not None
        }
        told = [
            FindingAnswer(
                column=found.column,
                code=found.code,
                severity=found.severity,
                value=found.value,
                detail=findings.of_row(found),
            )
            for found in judged.findings
        ]
        return cls(
            row=judged.row, outcome=judged.outcome, cells=cells, findings=told, kept=judged.kept
        )


class ColumnAnswer(Answer):
    """A column that a file may have, by its name or one of its titles."""

    name: str = Field(examples=["imei"])
    titles: list[str]
    meaning: str
    example: str
    required: bool
    unique: bool
    default: str | None

    @classmethod
    def of(cls, column: Column) -> Self:
        """As it is declared."""
        return cls.model_validate(column)


class KindAnswer(Answer):
    """A kind of file, and its columns."""

    name: str = Field(examples=["terminals"])
    columns: list[ColumnAnswer]


class KindsAnswer(Answer):
    """Every kind of file there is."""

    items: list[KindAnswer]


class ApplyBody(Body):
    """How to apply a file: as a whole or not at all, or row by row without the wrong ones."""

    whole: bool = False
