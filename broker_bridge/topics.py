"""The grammar of topics: whose message it is, and on which channel.

`{prefix}/{terminal}/{channel}`; nothing here knows which terminals exist.
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class Channel(StrEnum):
    """What a terminal may say, by the last level of its topic."""

    TELEMETRY = "telemetry"
    EVENT = "event"
    HELLO = "hello"
    STATUS = "status"
    REPLY = "reply"
    REPORTED = "reported"


class Address(NamedTuple):
    """The sender's code and the channel it spoke on."""

    code: str
    channel: Channel


_CHANNELS = {channel.value: channel for channel in Channel}


def parse(prefix: str, topic: str) -> Address | None:
    """The address in a topic, whatever that holds, or None if it is not one of ours."""
    match = _grammar(prefix).fullmatch(topic)
    if match is None:
        return None
    code, channel = match.groups()
    return Address(code, _CHANNELS[channel])


def filters(prefix: str, group: str | None = None) -> list[str]:
    """The subscriptions that bring every terminal's every channel.

    With a group they are shared: each message comes to one of its members (MQTT 5.0, 4.8.2).
    """
    share = f"$share/{group}/" if group else ""
    return [f"{share}{prefix}/+/{channel}" for channel in Channel]


@lru_cache(maxsize=8)
def _grammar(prefix: str) -> re.Pattern[str]:
    channels = "|".join(Channel)
    return re.compile(rf"{re.escape(prefix)}/([A-Za-z0-9_-]{{1,64}})/({channels})")
