"""Terminals on their way in and out."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.group_clients import Code
from api.schemas.search import EstimateAnswer
from api.schemas.shapes import Answer, Body, PageOf, Utc
from registry.file_model import FileWarning
from registry.model import Terminal, TerminalState
from telemetry.model import Clock, DataState, PauseNow, Presence, SessionState
from telemetry.presence import Attended


class TerminalBody(Body):
    """A terminal to put on the roll; its code is also its MQTT user name and client id."""

    code: Code = Field(examples=["METER-1"])
    profile: str | None = Field(
        None,
        examples=["smart_meter"],
        max_length=64,
        description="Null is the first one of its owner's package.",
    )
    region: int = Field(examples=[320500], description="Code of the region it is installed in.")
    group_client: Code | None = Field(
        None, examples=["example-power"], description="Who owns it; null is the operator itself."
    )
    name: str | None = Field(None, max_length=200, examples=["2# transformer"])
    imei: str | None = Field(None, examples=["490154203237518"], description="15 digits, Luhn.")
    state: TerminalState = TerminalState.REGISTERED


class TerminalChange(Body):
    """Either the state that a terminal is to go to, or what is to be noted of it."""

    state: TerminalState | None = Field(None, examples=["in_service"])
    reason: str | None = Field(
        None, max_length=500, description="Of the state; needed to isolate.", examples=["stolen"]
    )
    name: str | None = Field(None, min_length=1, max_length=200)
    region: int | None = Field(None, description="Where it is installed.", examples=[320500])
    latitude: float | None = Field(None, ge=-90, le=90, description="WGS-84; both or neither.")
    longitude: float | None = Field(None, ge=-180, le=180)
    tags: list[Annotated[str, Field(max_length=64)]] | None = Field(
        None, max_length=64, description="All that it is to have.", examples=[["rooftop"]]
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        noted = self.model_fields_set - {"state", "reason"}
        if (self.state is None) == (not noted) or (self.reason and noted):
            raise PydanticCustomError(
                "either_or", "give a state, with its reason, or what is to be noted; not both"
            )
        if any(field in noted and getattr(self, field) is None for field in ("region", "tags")):
            raise PydanticCustomError("never_null", "a terminal has a region, and a list of tags")
        if {"latitude", "longitude"} & noted and not {"latitude", "longitude"} <= noted:
            raise PydanticCustomError("location_half", "give latitude and longitude together")
        return self


class TerminalAnswer(Answer):
    """A terminal as it is now; `group_client` is null where its owner is not yours to see."""

    code: str = Field(examples=["METER-1"])
    name: str | None
    state: TerminalState
    state_since: Utc
    state_reason: str | None = Field(description="Why it is in its state, if somebody said.")
    profile: str = Field(validation_alias="profile_code", examples=["smart_meter"])
    group_client: str | None = Field(
        validation_alias="group_client_code", examples=["example-power"]
    )
    owner_since: Utc | None = Field(description="Null: since ever.")
    region: int = Field(validation_alias="region_code", examples=[320500])
    latitude: float | None
    longitude: float | None
    tags: list[str]
    registered_at: Utc
    version: int = Field(examples=[1])


class PresenceAnswer(Answer):
    """Whether data comes and whether there is a session: two facts, each with its time (ours)."""

    data: DataState = Field(description="`silent`: awaited longer than its tier lets it be.")
    data_at: Utc | None = Field(description="When data last came; null if never.")
    silent_since: Utc | None
    session: SessionState = Field(description="As the terminal, or its last will, told.")
    session_since: Utc | None


class AttendedAnswer(TerminalAnswer):
    """A terminal of a list, with its presence."""

    presence: PresenceAnswer

    @classmethod
    def of(cls, found: Attended) -> "AttendedAnswer":
        """The terminal's fields, and its presence among them."""
        terminal = TerminalAnswer.model_validate(found.terminal)
        known = PresenceAnswer.model_validate(found.presence)
        return cls.model_construct(**dict(terminal), presence=known)  # both are checked


class TerminalsAnswer(PageOf[AttendedAnswer]):
    """One page of terminals, and how many there are in all, where that was asked."""

    count: int | EstimateAnswer | None = Field(
        description="Exact up to 10,000; beyond that an estimate within ten per cent."
    )


class PresenceChangeAnswer(Answer):
    """From `time` on a fact was `present`, or no longer."""

    time: Utc
    fact: Literal["data", "session"]
    present: bool


class PauseNowAnswer(Answer):
    """Why data comes less often, or (null seconds) not at all; as the profile's `pauses` say."""

    reason: str = Field(examples=["parked"])
    since: Utc
    expected_interval_seconds: int | None = Field(examples=[14400])


class TerminalPresenceAnswer(PresenceAnswer):
    """What is known of a terminal's presence up to `as_of`, and how it came to be."""

    terminal: str = Field(examples=["METER-1"])
    as_of: Utc | None = Field(description="Null until a bridge has listened for the first time.")
    listening_since: Utc | None = Field(
        description="Nobody is silent for not having been heard before."
    )
    pauses: list[PauseNowAnswer]

    @classmethod
    def of(
        cls, code: str, known: Presence, clock: Clock, pauses: Sequence[PauseNow]
    ) -> "TerminalPresenceAnswer":
        """The facts, and up to when they are known."""
        facts = PresenceAnswer.model_validate(known)
        return cls(
            **dict(facts),
            terminal=code,
            as_of=clock.as_of,
            listening_since=clock.listening_since,
            pauses=[PauseNowAnswer.model_validate(pause) for pause in pauses],
        )


class CredentialAnswer(Answer):
    """What a terminal signs in to the broker with; the password is never shown again."""

    username: str = Field(examples=["METER-1"])
    password: str = Field(examples=["q1wK…"])


Warnings = Annotated[
    list[FileWarning],
    Field(description="Of its owner's file and quota; empty for who does not read that file."),
]


class ChangedTerminalAnswer(TerminalAnswer):
    """A terminal as it was changed, and what is to be told of its owner."""

    warnings: Warnings

    @classmethod
    def of(cls, changed: Terminal, warnings: Sequence[FileWarning]) -> "ChangedTerminalAnswer":
        """The terminal's fields, and the warnings among them."""
        terminal = TerminalAnswer.model_validate(changed)
        return cls.model_construct(**dict(terminal), warnings=list(warnings))  # both are checked


class RegisteredAnswer(Answer):
    """A terminal just put on the roll."""

    terminal: TerminalAnswer
    credential: CredentialAnswer
    warnings: Warnings
