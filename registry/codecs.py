"""The formats that profiles may name, and how each can be read; what reads them is the bridge's.

A profile names its codec, and with options how its terminals depart from it.
"""

from collections.abc import Mapping
from types import MappingProxyType

Choices = tuple[str, ...] | type[bool]
"""What an option may be: one of some words, or true or false (false when it is not given)."""

# How frames come through MQTT: as they are, or written in digits by a converter on the way.
_FRAMES: Mapping[str, Choices] = {"text": ("raw", "hex", "base64"), "lenient": bool}

CODECS: Mapping[str, Mapping[str, Choices]] = MappingProxyType(
    {
        "dlt645": _FRAMES,
        "json": {},
        "jt808": _FRAMES,
        "senml+cbor": {"speakers": bool},
        "senml+json": {"speakers": bool},
        "sia-dc09": _FRAMES,
    }
)


def fault(codec: str, options: Mapping[str, object]) -> str | None:
    """What is wrong with options of this codec; None if nothing is."""
    known = CODECS[codec]
    for name, value in options.items():
        choices = known.get(name)
        if choices is None:
            has = f"only {', '.join(known)}" if known else "none"
            return f"{codec} has no option {name}: {has}"
        if choices is bool and type(value) is not bool:
            return f"{name} is true or false"
        if isinstance(choices, tuple) and value not in choices:
            return f"{name} is one of {', '.join(choices)}"
    return None
