"""Channels, what goes out by them, and what can be wrong with them; no I/O."""

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from foundation.errors import Invalid, NotFound, Refused

MOST_CHANNELS = 20


class ChannelKind(StrEnum):
    """Where a channel leads."""

    WEBHOOK = "webhook"
    ALERTMANAGER = "alertmanager"
    MAIL = "mail"
    SMS = "sms"
    DINGTALK = "dingtalk"
    WECOM = "wecom"
    FEISHU = "feishu"


class AlarmEvent(StrEnum):
    """What happens to an alarm."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    BREACHED = "breached"
    CLEARED = "cleared"


class DeliveryState(StrEnum):
    """What became of what went out, or is to; `dropped` is what was never tried to the end."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class DeliveryForm(StrEnum):
    """What a delivery is."""

    TEST = "test"
    ALARMS = "alarms"


PERSONAL = (ChannelKind.MAIL, ChannelKind.SMS)
"""Kinds that a person has for oneself."""
CHATS = frozenset({ChannelKind.DINGTALK, ChannelKind.WECOM, ChannelKind.FEISHU})
"""Robots of chat services."""
TEXTUAL = CHATS | {*PERSONAL}
"""Kinds that people read: one text for all that has happened."""
SIGNED_BY_THEM = frozenset({ChannelKind.DINGTALK, ChannelKind.FEISHU, ChannelKind.ALERTMANAGER})
"""Kinds whose secret, if there is one, comes from the other side."""


class ChannelNotFound(NotFound):
    """There is no such channel, or it is not yours to see."""

    code = "channel_not_found"


class DeliveryNotFound(NotFound):
    """There is no such delivery, or it is not yours to see."""

    code = "delivery_not_found"


class ChannelInvalid(Invalid):
    """What is said of a channel cannot be."""

    code = "channel_invalid"


class ChannelOwnerMissing(Invalid):
    """Whose the channel is to be is not clear."""

    code = "channel_owner_missing"
    remedy = "Name one of your group clients."


class ChannelHasNoSecret(Refused):
    """A channel of this kind has no secret of ours."""

    code = "channel_has_no_secret"
    remedy = "Change the secret where the channel leads, then give it here."


class TooManyChannels(Refused):
    """There are as many channels already as one owner may have."""

    code = "too_many_channels"
    remedy = "Remove one that is not used."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is told by a channel, and when; times of day are in `time_zone`.

    What is `urgent` waits neither for a digest nor for the end of quiet hours.
    """

    severities: tuple[str, ...]
    events: tuple[str, ...]
    urgent: tuple[str, ...]
    digest_seconds: int
    time_zone: str
    quiet_from: time | None
    quiet_to: time | None
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A way to somebody who is told of alarms; used once `verified_at` says that a test arrived.

    `shown` is what is shown of the address. `waiting` are changes that have not gone out.
    """

    id: int
    version: int
    name: str
    kind: ChannelKind
    group_client: str | None
    region: int | None
    shown: str
    has_secret: bool
    wishes: Wishes
    enabled: bool
    verified_at: datetime | None
    stopped_because: str | None
    created_at: datetime
    created_by: str
    failures: int
    failing_since: datetime | None
    delivered_at: datetime | None
    waiting: int

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Channel":
        """A row of `list_channels`."""
        told = dict(row)
        wishes = {name: told.pop(name) for name in Wishes.__dataclass_fields__}
        for name in ("severities", "events", "urgent"):
            wishes[name] = tuple(wishes[name])
        return cls(kind=ChannelKind(told.pop("kind")), wishes=Wishes(**wishes), **told)


@dataclass(frozen=True, slots=True)
class Made:
    """A new channel, or one with a new secret, which is shown once."""

    channel: Channel
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Something that went out, or is to: a test, or changes of alarms together.

    `status` is the target's last HTTP status; `problem` why the last try failed.
    """

    id: int
    channel: int
    channel_name: str
    kind: ChannelKind
    form: DeliveryForm
    changes: int
    state: DeliveryState
    created_at: datetime
    tries: int
    tried_at: datetime | None
    status: int | None
    problem: str | None
    ended_at: datetime | None
