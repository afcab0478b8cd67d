"""A payload to look into, and what it says."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from api.schemas.shapes import Answer, Body

MOST_CHARACTERS = 200_000  # of 64 KiB in hex with blanks between
Form = Literal["hex", "base64", "text"]


class DecodeBody(Body):
    """A payload, and how to read it: by the codec of a profile, or by a codec and its options."""

    payload: Annotated[str, Field(max_length=MOST_CHARACTERS, examples=["7b22766f6c74616765"])]
    form: Form = "hex"
    profile: Annotated[str | None, Field(max_length=64, examples=["smart_meter"])] = None
    codec: Annotated[str | None, Field(max_length=32, examples=["jt808"])] = None
    options: Annotated[
        dict[str, str | bool], Field(max_length=8, examples=[{"lenient": True}])
    ] = {}  # noqa: RUF012 - pydantic copies it


class DecodedReading(Answer):
    """Values of one time, which is null where the terminal told none."""

    time: str | None
    seq: int | None
    boot: str | None
    values: dict[str, JsonValue]


class DecodedEvent(Answer):
    """Something that happened."""

    time: str | None
    code: str
    severity: str
    text: str | None
    data: JsonValue


class RefusedValue(Answer):
    """What of the payload cannot be taken, in which of its readings."""

    reading: int
    metric: str | None
    reason: str
    detail: str


class MissingValue(Answer):
    """A value that the terminal says it has not."""

    metric: str
    why: str


class PartOfMessage(Answer):
    """A part of a message that comes in several; what it says shows when it is whole."""

    message: str
    number: int
    of: int | None


class SaidAnswer(Answer):
    """What one speaker says; null is the terminal that published."""

    speaker: str | None = Field(examples=["jt808_phone:13912345678"])
    readings: list[DecodedReading]
    units: dict[str, str] = Field(description="As the format has them, by metric (UCUM).")
    events: list[DecodedEvent]
    refused: list[RefusedValue]
    missing: list[MissingValue]
    tolerated: list[str] = Field(description="What a strict reader would have refused.")
    parts: list[PartOfMessage]


class RefusalAnswer(Answer):
    """Why nothing of it can be taken, from which byte on."""

    reason: str = Field(examples=["malformed"])
    detail: str
    position: int | None = Field(examples=[17])
    around: list[str] | None = Field(description="Bytes before that one, and from it on, in hex.")


class DecodeAnswer(Answer):
    """What a payload says, or why it cannot be read."""

    codec: str
    bytes: int
    said: list[SaidAnswer]
    refusal: RefusalAnswer | None
