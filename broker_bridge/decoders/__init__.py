"""Payload bytes to readings and events: pure, one file per format, found by the profile's codec.

Never here: topics, terminals, profiles, clocks of ours.
"""

from collections.abc import Callable

from broker_bridge.decoders import dlt645, json, jt808, senml, sia_dc09
from broker_bridge.decoders.decoded import (
    Decode,
    Decoded,
    DecodedEvent,
    Fragment,
    Options,
    RefusedPart,
    Said,
    Scalar,
    Undecodable,
    shown,
)
from broker_bridge.decoders.events import decode_events
from broker_bridge.decoders.fitting import fit

__all__ = [
    "Decode",
    "Decoded",
    "DecodedEvent",
    "Fragment",
    "Options",
    "RefusedPart",
    "Said",
    "Scalar",
    "Undecodable",
    "decode_events",
    "find",
    "fit",
    "join",
    "shown",
]

_BY_CODEC: dict[str, Decode] = {
    "dlt645": dlt645.decode,
    "json": json.decode,
    "jt808": jt808.decode,
    "senml+cbor": senml.decode_cbor,
    "senml+json": senml.decode_json,
    "sia-dc09": sia_dc09.decode,
}


def find(codec: str) -> Decode | None:
    """The decoder of a profile's codec, or None if this version has none."""
    return _BY_CODEC.get(codec)


_JOINS: dict[str, Callable[[str, bytes, Options], Said]] = {
    "dlt645": dlt645.join,
    "jt808": jt808.join,
}


def join(codec: str, key: str, body: bytes, options: Options) -> Said:
    """What a message says whose parts came as fragments of this key, one after the other."""
    return _JOINS[codec](key, body, options)
