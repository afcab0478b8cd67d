"""Payload bytes to readings and events: pure, one file per format, found by the profile's codec.

Never here: topics, terminals, profiles, clocks of ours.
"""

from broker_bridge.decoders import json, senml
from broker_bridge.decoders.decoded import (
    Decode,
    Decoded,
    DecodedEvent,
    Options,
    RefusedPart,
    Said,
    Scalar,
    Undecodable,
    shown,
)
from broker_bridge.decoders.events import SEVERITIES, decode_events
from broker_bridge.decoders.fitting import fit

__all__ = [
    "SEVERITIES",
    "Decode",
    "Decoded",
    "DecodedEvent",
    "Options",
    "RefusedPart",
    "Said",
    "Scalar",
    "Undecodable",
    "decode_events",
    "find",
    "fit",
    "shown",
]

_BY_CODEC: dict[str, Decode] = {
    "json": json.decode,
    "senml+cbor": senml.decode_cbor,
    "senml+json": senml.decode_json,
}


def find(codec: str) -> Decode | None:
    """The decoder of a profile's codec, or None if this version has none."""
    return _BY_CODEC.get(codec)
