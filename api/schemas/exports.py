"""Exports: what is asked for, and what became of it."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.shapes import Answer, Body, Instant, Utc
from telemetry.exports.model import MOST_CODES, Content, Export, ExportFormat, ExportState, Wanted

Code = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class ExportBody(Body):
    """Of whom (one of the four), what, and from when to when."""

    content: Content = Content.READINGS
    format: ExportFormat = ExportFormat.CSV
    start: Instant = Field(alias="from", description="Inclusive.")
    end: Instant = Field(alias="to", description="Exclusive.")
    terminals: list[Code] = Field(
        [], max_length=MOST_CODES, description="Their codes.", examples=[["METER-1"]]
    )
    collection: int | None = Field(None, ge=1, le=2**31 - 1, description="Of those in it now.")
    group_client: Code | None = Field(
        None, description="Of what it or a client below it owned then.", examples=[None]
    )
    region: int | None = Field(
        None, ge=0, le=999_999, description="Of those installed in its subtree now."
    )
    profile: Code | None = Field(None, description="Only of terminals of this profile.")
    metrics: list[Code] = Field([], max_length=100, description="All, if none are named.")
    bom: bool = Field(
        default=False, description="Whether a CSV begins with a byte order mark, for spreadsheets."
    )

    @model_validator(mode="after")
    def _a_set_is_one(self) -> Self:
        sets = (self.collection, self.group_client, self.region)
        if sum(named is not None for named in sets) + bool(self.terminals) != 1:
            why = "name terminals, or one collection, group_client or region"
            raise PydanticCustomError("one_set", why)
        return self

    def wanted(self) -> Wanted:
        """The same in the words of the trade."""
        return Wanted(
            content=self.content,
            start=self.start,
            end=self.end,
            terminals=tuple(dict.fromkeys(self.terminals)),
            collection=self.collection,
            group_client=self.group_client,
            region=self.region,
            profile=self.profile,
            metrics=tuple(dict.fromkeys(self.metrics)),
            marked=self.bom,
        )


class ExportAnswer(Answer):
    """One export; its file is there while it is `done`."""

    id: int
    asked_by: str = Field(examples=["user:lin"])
    asked_at: Utc
    content: Content
    format: ExportFormat
    start: Utc = Field(serialization_alias="from")
    end: Utc = Field(serialization_alias="to")
    terminals: list[str]
    collection: int | None
    group_client: str | None
    region: int | None
    profile: str | None
    metrics: list[str]
    state: ExportState
    terminals_found: int = Field(description="Of how many it is, once that is known.")
    terminals_read: int
    rows: int
    size_bytes: int
    sha256: str | None = Field(description="Of the file, in hexadecimal digits.")
    file: str | None = Field(
        description="Where it is.", examples=["/api/v1/telemetry/exports/1/file"]
    )
    problem: str | None = Field(description="Why it failed.", examples=["export_too_large"])
    detail: str | None = Field(description="The same as a sentence.")
    read_at: Utc | None = Field(description="When it was begun: what came later may be missing.")
    finished_at: Utc | None
    expires_at: Utc | None = Field(description="When its file is deleted.")

    @classmethod
    def of(cls, export: Export) -> Self:
        """As the API tells it."""
        wanted = export.wanted
        done = export.state is ExportState.DONE
        return cls(
            id=export.id,
            asked_by=export.asked_by,
            asked_at=export.asked_at,
            content=wanted.content,
            format=export.format,
            start=wanted.start,
            end=wanted.end,
            terminals=list(wanted.terminals),
            collection=wanted.collection,
            group_client=wanted.group_client,
            region=wanted.region,
            profile=wanted.profile,
            metrics=list(wanted.metrics),
            state=export.state,
            terminals_found=export.terminals,
            terminals_read=export.terminals_read,
            rows=export.rows,
            size_bytes=export.size_bytes,
            sha256=export.sha256.hex() if export.sha256 else None,
            file=f"/api/v1/telemetry/exports/{export.id}/file" if done else None,
            problem=export.problem,
            detail=export.problem_text,
            read_at=export.read_at,
            finished_at=export.finished_at,
            expires_at=export.expires_at,
        )
