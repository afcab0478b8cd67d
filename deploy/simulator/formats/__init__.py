"""What a simulated terminal measures, in the bytes of its profile's codec; pure, one file a format.

Terminals' side only: nothing here reads, and no decoder is tested with it.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.simulator.curves import Value
from deploy.simulator.curves.security import Happening
from deploy.simulator.formats import dlt645, jt808, senml, sia_dc09
from deploy.simulator.formats.telling import Told
from registry.model import Metric

__all__ = ["BEHIND", "NAMED", "UNTIMED", "Format", "Told", "of"]

Options = Mapping[str, str | int | bool]

NAMED: Mapping[str, str] = {
    "jt808": "jt808_phone",
    "dlt645": "meter_address",
    "sia-dc09": "dc09_account",
}
"""The kind of wire name without which a terminal of this codec cannot speak."""
BEHIND = frozenset(("dlt645", "sia-dc09"))
"""Codecs whose terminals have no connection of their own: a gateway speaks for them."""
UNTIMED = frozenset(("dlt645",))
"""Codecs that tell no time: what is sent again is stored again."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a codec's terminal says a reading, and what happened to it where the codec can say that.

    `reading` gives nothing where a terminal has nothing to say that the format has words for.
    """

    reading: Callable[[Told], bytes]
    happening: Callable[[Told, Happening], bytes] | None = None
    coarse_ms: int = 1
    """Times are told in steps of so much."""


_FORMATS: Mapping[str, Format] = {
    "senml+json": Format(senml.pack_json),
    "senml+cbor": Format(senml.pack_cbor),
    "jt808": Format(jt808.position, coarse_ms=1000),
    "dlt645": Format(dlt645.answers),
    "sia-dc09": Format(sia_dc09.supervision, sia_dc09.report, coarse_ms=1000),
}


def of(codec: str) -> Format | None:
    """The format of a codec; None for `json`, which the script writes itself."""
    return _FORMATS.get(codec)


def written(frame: bytes, options: Options) -> bytes:
    """A frame as the option `text` has it come through MQTT."""
    match options.get("text", "raw"):
        case "hex":
            return frame.hex().encode()
        case "base64":
            return b64encode(frame)
    return frame


def told(
    code: str,
    wire_name: str | None,
    number: int,
    ts_ms: int,
    values: Mapping[str, Value],
    metrics: tuple[Metric, ...],
) -> Told:
    """Reading `number` of a terminal, ready to be written in any format."""
    name = wire_name.partition(":")[2] if wire_name else code
    return Told(name, number, ts_ms, values, {metric.name: metric.unit for metric in metrics})
