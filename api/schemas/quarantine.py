"""Refused messages, storms of them, and taking them again."""

import base64
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from api.schemas.shapes import Answer, Body, Instant, Utc
from telemetry.model import Reason, Search
from telemetry.replays import MOST_ITEMS


class QuarantinedAnswer(Answer):
    """A message that could not be stored, without its bytes."""

    id: int = Field(examples=[7])
    received_at: Utc
    last_received_at: Utc
    count: int = Field(description="How often the same bytes came for the same reason.")
    bridge: str = Field(examples=["bridge-1"])
    topic: str = Field(examples=["m2m/v1/METER-1/telemetry"])
    terminal: str | None = Field(examples=["METER-1"])
    reason: Reason
    detail: str = Field(examples=["voltage_a is 23120, above 260"])
    payload_bytes: int = Field(examples=[44])
    resolved_at: Utc | None = Field(description="When a replay could store it after all.")


def _base64(payload: object) -> object:
    return base64.b64encode(payload).decode() if isinstance(payload, bytes) else payload


class QuarantinedMessageAnswer(QuarantinedAnswer):
    """A message that could not be stored, as it came; long ones are kept in part."""

    payload: Annotated[str, BeforeValidator(_base64)] = Field(
        description="The raw bytes, base64.", examples=["eyJ2b2x0YWdlX2EiOiAyMzEyMH0="]
    )


class StormAnswer(Answer):
    """Of one terminal, reason and day more came than is kept raw; `terminal` null: of strangers."""

    day: date = Field(examples=["2026-11-23"])
    terminal: str | None = Field(examples=["METER-1"])
    reason: Reason
    first_at: Utc
    last_at: Utc
    messages: int = Field(examples=[86400])
    bytes: int = Field(examples=[3801600])
    kept: int = Field(examples=[1000], description="Of them are items of the quarantine.")
    topic: str = Field(description="Of the last one.", examples=["m2m/v1/METER-1/telemetry"])
    detail: str = Field(description="Of the last one.", examples=["voltage_a is 23120, above 260"])


class ReplayBody(Body):
    """Which refused messages to take again: those of these numbers, or the oldest of a search."""

    items: list[int] | None = Field(None, examples=[[7, 8]], max_length=MOST_ITEMS, min_length=1)
    reason: Reason | None = None
    terminal: str | None = Field(None, max_length=64, examples=["METER-1"])
    topic: str | None = Field(None, max_length=200, description="How it begins.")
    start: Instant | None = Field(None, alias="from", description="Came then or later.")
    end: Instant | None = Field(None, alias="to", description="Came before.")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        given = self.model_fields_set - {"items"}
        if (self.items is None) == (not given):
            raise ValueError("give items, or at least one of reason, terminal, topic, from, to")
        return self

    def search(self) -> Search:
        """What is looked for."""
        return Search(self.terminal, self.reason, self.topic, self.start, self.end)


class ReplayAnswer(Answer):
    """How far a replay has come: of `items` so many met each outcome, `waiting` met none yet."""

    id: int = Field(examples=[3])
    requested_at: Utc
    requested_by: str = Field(examples=["user:ada"])
    items: int = Field(examples=[120])
    waiting: int = Field(examples=[0])
    stored: int = Field(examples=[118])
    duplicate: int = Field(examples=[1])
    quarantined: int = Field(examples=[1], description="Refused again.")
    gone: int = Field(examples=[0], description="Forgotten before they could be taken.")


class OutcomeAnswer(Answer):
    """What became of one item of a replay; null while it waits."""

    item: int = Field(validation_alias="item_id", examples=[7])
    outcome: Literal["stored", "duplicate", "quarantined", "gone"] | None
    reason: Reason | None = Field(description="Why it is refused again.")
    detail: str | None
    settled_at: Utc | None
