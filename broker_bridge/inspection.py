"""What a payload says, shown to people: nothing of it is stored, and no terminal is asked about.

Pure, and the one part of the bridge that the API may read: the same decoders, the same words.
"""

import json
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from broker_bridge.decoders import Options, RefusedPart, Said, Undecodable, find, fit, shown
from broker_bridge.values import check
from foundation.errors import Invalid
from registry.codecs import CODECS, fault
from registry.model import DeviceProfile
from telemetry.model import Reason, at

_BYTES_AROUND = 8


def inspect(
    payload: bytes,
    codec: str,
    options: Options,
    *,
    received_us: int,
    profile: DeviceProfile | None = None,
) -> dict[str, Any]:
    """What the payload says, as plain JSON, or the byte at which it cannot be read.

    With a profile its values are in the profile's units, what a format offers beyond the profile
    is left out, and what the profile does not take is refused, as the bridge does it. Raises
    Invalid for a codec or option there is not.
    """
    decode = find(codec)
    if decode is None:
        raise Invalid(f"There is no codec {codec}: there are {', '.join(CODECS)}.", field="codec")
    if wrong := fault(codec, options):
        raise Invalid(f"{wrong}.", field="options")
    told: dict[str, Any] = {"codec": codec, "bytes": len(payload), "said": [], "refusal": None}
    try:
        said = decode(payload, received_us, options)
    except Undecodable as error:
        return told | {"refusal": _refusal(payload, error)}
    if profile is not None:
        said = [_judged(fit(one, profile), profile) for one in said]
    return told | {"said": _each(said)}


def _judged(said: Said, profile: DeviceProfile) -> Said:
    """With what the profile does not take of it: no metric of it, of another type, out of range."""
    known = {metric.name: metric for metric in profile.metrics}
    refused = list(said.refused)
    for position, reading in enumerate(said.readings):
        for name, value in reading.values.items():
            metric = known.get(name)
            fault = (Reason.UNKNOWN_METRIC, shown(name))
            wrong = fault if metric is None else check(metric, [value])[1].get(0)
            if wrong is not None:
                part = RefusedPart(position, reading.seq, shown(name), *wrong, reading.boot)
                refused.append(part)
    return said._replace(refused=refused)


def _refusal(payload: bytes, error: Undecodable) -> dict[str, Any]:
    """Why nothing of it can be taken; `around` has the bytes before and from that one on."""
    place, around = error.position, None
    if place is not None:
        before, after = payload[max(0, place - _BYTES_AROUND) : place], payload[place:]
        around = [before.hex(" "), after[:_BYTES_AROUND].hex(" ")]
    return {
        "reason": error.reason.value,
        "detail": error.detail,
        "position": place,
        "around": around,
    }


def _each(said: Sequence[Said]) -> list[dict[str, Any]]:
    return [
        {
            "speaker": None if one.speaker is None else str(one.speaker),
            "readings": [
                {
                    "time": _instant(reading.time_us),
                    "seq": reading.seq,
                    "boot": reading.boot,
                    "values": reading.values,
                }
                for reading in one.readings
            ],
            "units": {name: unit for name, unit in (one.units or {}).items() if unit},
            "events": [
                {
                    "time": _instant(event.time_us),
                    "code": event.code,
                    "severity": event.severity,
                    "text": event.text,
                    "data": None if event.data is None else json.loads(event.data),
                }
                for event in one.events
            ],
            "refused": [
                {
                    "reading": part.position,
                    "metric": part.metric,
                    "reason": part.reason.value,
                    "detail": part.detail,
                }
                for part in one.refused
            ],
            "missing": [{"metric": gap.metric, "why": gap.why} for gap in one.missing],
            "tolerated": list(one.tolerated),
            "parts": [
                {"message": part.key, "number": part.number, "of": part.of or None}
                for part in one.fragments
            ],
        }
        for one in said
    ]


def _instant(time_us: int | None) -> str | None:
    """RFC 3339; of a time that our calendar has not, the microseconds."""
    if time_us is None:
        return None
    try:
        return at(time_us).isoformat()
    except OverflowError:
        return f"{time_us} us after 1970"


def bytes_of(text: str, form: str) -> bytes:
    """The bytes that somebody wrote down as `hex`, as `base64` or as `text`; raises Invalid."""
    try:
        match form:
            case "hex":
                return bytes.fromhex(text.replace("0x", "").replace(":", " ").replace(",", " "))
            case "base64":
                return b64decode("".join(text.split()), validate=True)
            case _:
                return text.encode()
    except ValueError:
        raise Invalid(f"The payload is not written in {form}.", field="payload") from None
