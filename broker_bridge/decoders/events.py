"""Events in JSON, one form for the terminals of every codec.

    {"ts": 1790000000000, "code": "zone_open", "severity": "major", "text": "...", "data": {...}}

or a list of such, with `seq`, `boot` and `from` as in readings.
"""

import json
import re
from typing import Any

from broker_bridge.decoders.decoded import DecodedEvent, RefusedPart
from broker_bridge.decoders.document import (
    HEADER,
    Refusals,
    Wrong,
    exactly,
    header,
    items,
    kind,
    levels,
    load,
)
from registry.conditions import SEVERITIES
from telemetry.model import OWN_CODES, Reason

_FIELDS = HEADER | {"code", "severity", "text", "data"}
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}")


def decode_events(payload: bytes, received_us: int) -> tuple[list[DecodedEvent], list[RefusedPart]]:
    """The events in a payload and what of it is refused; `Undecodable` like any decoder.

    A wrong `ts`, `code`, `severity`, `text` or `data` refuses its event; a field unknown to us is
    refused alone.
    """
    events: list[DecodedEvent] = []
    refused: list[RefusedPart] = []
    for position, item in enumerate(items(exactly(payload, load(payload)))):
        refusals = Refusals(position)
        try:
            events.append(_event(item, refusals))
        except Wrong as wrong:
            refusals.add(None, wrong.reason, str(wrong))
        refused += refusals.parts
    return events, refused


def _event(item: Any, refusals: Refusals) -> DecodedEvent:
    if type(item) is not dict:
        raise Wrong(f"an event is {kind(item)}")
    read = header(item, refusals)
    code, text = item.get("code"), item.get("text")
    severity = item.get("severity")
    if type(code) is not str or not _CODE.fullmatch(code):
        raise Wrong("code is not a name of up to 64 letters, digits and _.:/-")
    if code.startswith(OWN_CODES):
        raise Wrong(f"codes that begin with {OWN_CODES} are the platform's")
    if severity is not None and severity not in SEVERITIES:
        raise Wrong(f"severity is none of {', '.join(SEVERITIES)}")
    if text is not None and (type(text) is not str or "\0" in text):
        raise Wrong("text is not text" if type(text) is not str else "NUL in text")
    for name in item:
        if name not in _FIELDS:
            refusals.add(name, Reason.MALFORMED, "not a field of an event")
    return DecodedEvent(*read, code, severity or "indeterminate", text, _data(item.get("data")))


def _data(data: Any) -> str | None:
    """The object as JSON text that PostgreSQL takes, or `Wrong`."""
    if data is None:
        return None
    if type(data) is not dict:
        raise Wrong(f"data is {kind(data)}")
    if any(type(value) is str and "\0" in value for level in levels(data) for value in level):
        raise Wrong("NUL in data")
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
