"""What formats of frames share: how frames come through MQTT, binary-coded digits, events; pure."""

import base64
import binascii
import json
import re
from collections.abc import Mapping

from broker_bridge.decoders.decoded import DecodedEvent, Options, Undecodable
from telemetry.model import Reason

MAX_BYTES = 65_536
_BLANKS = re.compile(rb"[\s]+")


def raw(payload: bytes, options: Options) -> bytes:
    """The frames' bytes: as they are, or out of the text that the option `text` names."""
    if len(payload) > MAX_BYTES:
        said = f"{len(payload)} bytes; at most {MAX_BYTES} are taken"
        raise Undecodable(Reason.TOO_LARGE, said, MAX_BYTES)
    text = options.get("text", "raw")
    if text == "raw":
        return payload
    try:
        if text == "hex":
            return binascii.unhexlify(_BLANKS.sub(b"", payload))
        return base64.b64decode(_BLANKS.sub(b"", payload), validate=True)
    except binascii.Error as error:
        raise Undecodable(Reason.MALFORMED, f"no {text}: {error}", 0) from None


def digits(data: bytes) -> str | None:
    """The decimal digits of BCD, first byte first; None where a half byte is above 9."""
    text = data.hex()
    return text if text.isdecimal() else None


def event(
    code: str,
    severity: str = "indeterminate",
    *,
    time_us: int | None = None,
    text: str | None = None,
    data: Mapping[str, object] | None = None,
) -> DecodedEvent:
    """An event of a frame, which has neither number nor boot."""
    written = None if data is None else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return DecodedEvent(time_us, None, None, None, code, severity, text, written)
