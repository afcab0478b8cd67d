"""Payload bytes to readings and events: pure, one file per format, found by the profile's codec.

Never here: topics, terminals, profiles, clocks of ours.
"""

from broker_bridge.decoders import json
from broker_bridge.decoders.decoded import (
    Decode,
    Decoded,
    DecodedEvent,
    RefusedPart,
    Scalar,
    Undecodable,
    shown,
)
from broker_bridge.decoders.events import SEVERITIES, decode_events

__all__ = [
    "SEVERITIES",
    "Decode",
    "Decoded",
    "DecodedEvent",
    "RefusedPart",
    "Scalar",
    "Undecodable",
    "decode_events",
    "find",
    "shown",
]

_BY_CODEC: dict[str, Decode] = {"json": json.decode}


def find(codec: str) -> Decode | None:
    """The decoder of a profile's codec, or None if this version has none."""
    return _BY_CODEC.get(codec)
