"""What a terminal says of itself, in the fields of a JSON object."""

from collections.abc import Callable
from typing import Any

from broker_bridge.decoders.document import Refusals, kind, names_boot
from foundation.errors import Invalid
from registry.identifiers import Iccid, Imei, Imsi
from telemetry.model import Identity, Reason

NUMBERS = frozenset(("imei", "iccid", "imsi"))
"""What may stand beside the values of a reading."""

MOST_TEXT = 100

_PARSE: dict[str, Callable[[str], object]] = {
    "imei": Imei.parse,
    "iccid": Iccid.parse,
    "imsi": Imsi.parse,
}


def numbers(item: dict[str, Any], refusals: Refusals) -> Identity | None:
    """IMEI, ICCID and IMSI of an object; None if it has none, and a wrong one is refused alone."""
    said = {name: _number(name, item[name], refusals) for name in NUMBERS if name in item}
    return Identity(**said) if any(said.values()) else None


def introduction(item: dict[str, Any], refusals: Refusals) -> Identity:
    """Everything that a terminal says of itself when it starts; each wrong field refused alone."""
    said: dict[str, str | None] = {
        name: _number(name, item[name], refusals) for name in NUMBERS if name in item
    }
    for name in ("apn", "firmware", "model"):
        text = item.get(name)
        if text is None or (type(text) is str and len(text) <= MOST_TEXT and text.isprintable()):
            said[name] = text or None
        else:
            refusals.add(name, Reason.MALFORMED, f"not a text of up to {MOST_TEXT} characters")
    boot = item.get("boot")
    if type(boot) is int:
        boot = str(boot)
    if boot is None or names_boot(boot):
        said["boot"] = boot
    else:
        refusals.add("boot", Reason.MALFORMED, f"not a name of a boot: {kind(boot)}")
    return Identity(**said)


def _number(name: str, value: Any, refusals: Refusals) -> str | None:
    """The number in normal form; None if there is none, or it is refused."""
    if value is None:
        return None
    if type(value) is int:
        value = str(value)
    if type(value) is not str:
        refusals.add(name, Reason.MALFORMED, f"{kind(value)} is no {name}")
        return None
    try:
        return str(_PARSE[name](value))
    except Invalid as error:
        refusals.add(name, Reason.MALFORMED, str(error))
        return None
