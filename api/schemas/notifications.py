"""Channels and deliveries on their way in and out."""

from datetime import time
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_serializer, model_validator

from api.schemas.shapes import Answer, Body, Utc
from registry.conditions import Severity
from telemetry.notifications.channels import LONGEST_DIGEST_SECONDS
from telemetry.notifications.model import (
    AlarmEvent,
    Channel,
    ChannelKind,
    DeliveryForm,
    DeliveryState,
)

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Address = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=2000)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=200)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]

_ADDRESS = "An `https://` address; of mail an address, of SMS a number. It is never shown whole."
_THEIRS = "What the other side gave: of a DingTalk or Feishu robot, or Alertmanager's bearer token."
_WISHES = {
    "severities": "Alarms of these are told.",
    "events": "What happens to them; `alertmanager` knows `opened` and `cleared` only.",
    "urgent": "These wait neither for a digest nor for the end of quiet hours.",
    "digest_seconds": "What comes up is told together, so often; 0: each at once.",
    "time_zone": "Zone of the quiet hours, as `Asia/Shanghai`.",
    "quiet_from": "From this time of day on nothing is told that is not urgent,",
    "quiet_to": "until this one.",
}


class WishesBody(Body):
    """What is told, and when; what is not named is as usual, or stays."""

    severities: list[Severity] | None = Field(None, description=_WISHES["severities"])
    events: list[AlarmEvent] | None = Field(None, description=_WISHES["events"])
    urgent: list[Severity] | None = Field(None, description=_WISHES["urgent"])
    digest_seconds: int | None = Field(
        None, ge=0, le=LONGEST_DIGEST_SECONDS, description=_WISHES["digest_seconds"]
    )
    time_zone: str | None = Field(None, max_length=64, description=_WISHES["time_zone"])
    quiet_from: TimeOfDay | None = Field(
        None, description=_WISHES["quiet_from"], examples=["22:00"]
    )
    quiet_to: TimeOfDay | None = Field(None, description=_WISHES["quiet_to"], examples=["07:00"])
    language: Literal["zh", "en"] | None = Field(None, description="Of texts for people.")

    @model_validator(mode="after")
    def _is_quiet_between_two(self) -> Self:
        if ("quiet_from" in self.model_fields_set) != ("quiet_to" in self.model_fields_set):
            raise ValueError("give quiet_from and quiet_to together")
        return self

    def wanted(self) -> dict[str, object]:
        """As the verbs take it; null says something of quiet hours alone: that there are none."""
        given = self.model_dump(exclude_unset=True)
        for name in ("quiet_from", "quiet_to"):
            if given.get(name) is not None:
                given[name] = time.fromisoformat(given[name])
        may_be_null = ("quiet_from", "quiet_to", "secret")
        return {k: v for k, v in given.items() if v is not None or k in may_be_null}


class ChannelBody(WishesBody):
    """A way to somebody who is to be told of alarms."""

    name: Name = Field(examples=["Duty desk"])
    kind: ChannelKind
    address: Address = Field(description=_ADDRESS, examples=["https://duty.example/alarms"])
    secret: Secret | None = Field(None, description=_THEIRS)
    group_client: str | None = Field(None, max_length=64, description="Whose; or `region`.")
    region: int | None = Field(None, description="Where; without either, the caller's own.")


class ChannelChange(WishesBody):
    """What is to be changed of a channel; led elsewhere it is tested first."""

    name: Name | None = None
    enabled: bool | None = None
    address: Address | None = Field(None, description=_ADDRESS)
    secret: Secret | None = Field(None, description=_THEIRS)


class OwnChannelBody(WishesBody):
    """How the caller wishes to be told; the address is needed at first."""

    enabled: bool | None = None
    address: Address | None = Field(None, description="The own mail address or number.")


class WishesAnswer(Answer):
    """What is told, and when."""

    severities: list[Severity] = Field(description=_WISHES["severities"])
    events: list[AlarmEvent] = Field(description=_WISHES["events"])
    urgent: list[Severity] = Field(description=_WISHES["urgent"])
    digest_seconds: int = Field(description=_WISHES["digest_seconds"])
    time_zone: str = Field(description=_WISHES["time_zone"])
    quiet_from: time | None = Field(description=_WISHES["quiet_from"])
    quiet_to: time | None = Field(description=_WISHES["quiet_to"])
    language: Literal["zh", "en"]

    @field_serializer("quiet_from", "quiet_to")
    def _to_the_minute(self, value: time | None) -> str | None:
        return None if value is None else f"{value:%H:%M}"


class ChannelAnswer(WishesAnswer):
    """A channel, used once a test has arrived; `version` is its ETag."""

    id: int
    name: str
    kind: ChannelKind
    group_client: str | None
    region: int | None
    shown: str = Field(description="As much of the address as is shown.")
    has_secret: bool
    enabled: bool
    verified_at: Utc | None = Field(description="When a test first arrived.")
    stopped_because: Literal["gone", "unreachable"] | None = Field(
        description="Why nothing goes out any more, until a test arrives."
    )
    created_at: Utc
    created_by: str
    failures: int = Field(description="Tries that failed since something arrived.")
    failing_since: Utc | None
    delivered_at: Utc | None
    waiting: int = Field(description="Changes that wait to go out, up to 1000.")
    version: int

    @classmethod
    def of(cls, channel: Channel) -> Self:
        """As it is told."""
        names = {*cls.model_fields} - {*WishesAnswer.model_fields}
        told = {name: getattr(channel, name) for name in names}
        wishes = {name: getattr(channel.wishes, name) for name in WishesAnswer.model_fields}
        return cls.model_validate(told | wishes)


class MadeChannelAnswer(ChannelAnswer):
    """A channel with what signs a webhook, which is shown this once."""

    secret: str | None = Field(examples=["whsec_..."])


class OwnChannelsAnswer(Answer):
    """How the caller is told."""

    items: list[ChannelAnswer]


class DeliveryAnswer(Answer):
    """Something that went out, or is to: a test, or changes of alarms together."""

    id: int
    channel: int
    channel_name: str
    kind: ChannelKind
    form: DeliveryForm
    changes: int
    state: DeliveryState
    created_at: Utc
    tries: int
    tried_at: Utc | None
    status: int | None = Field(description="The last status of the target: HTTP's or SMTP's.")
    problem: str | None = Field(description="Why the last try failed.", examples=["timeout"])
    ended_at: Utc | None
