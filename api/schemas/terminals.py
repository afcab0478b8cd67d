"""Terminals on their way in and out."""

from pydantic import Field

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Utc
from registry.model import TerminalState


class TerminalBody(Body):
    """A terminal to put on the roll; its code is also its MQTT user name and client id."""

    code: Code = Field(examples=["METER-1"])
    profile: str = Field(examples=["smart_meter"], max_length=64)
    region: int = Field(examples=[320500], description="Code of the region it is installed in.")
    group_client: Code | None = Field(
        None, examples=["example-power"], description="Who owns it; null is the operator itself."
    )
    name: str | None = Field(None, max_length=200, examples=["2# transformer"])
    imei: str | None = Field(None, examples=["490154203237518"], description="15 digits, Luhn.")
    state: TerminalState = TerminalState.REGISTERED


class TerminalChange(Body):
    """The state that a terminal is to go to."""

    state: TerminalState = Field(examples=["in_service"])


class TerminalAnswer(Answer):
    """A terminal as it is now; `group_client` is null where its owner is not yours to see."""

    code: str = Field(examples=["METER-1"])
    name: str | None
    state: TerminalState
    state_since: Utc
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


class CredentialAnswer(Answer):
    """What a terminal signs in to the broker with; the password is never shown again."""

    username: str = Field(examples=["METER-1"])
    password: str = Field(examples=["q1wK…"])


class RegisteredAnswer(Answer):
    """A terminal just put on the roll."""

    terminal: TerminalAnswer
    credential: CredentialAnswer
