"""Packs of SenML (RFC 8428): one record a metric, at one base time, in JSON or in CBOR."""

import json
from typing import Any

import cbor2

from deploy.simulator.formats.telling import Told

# Units of RFC 8428, 12.1, and of RFC 8798 by their UCUM names; what neither has is left out.
_UNITS = {
    "V": "V", "A": "A", "W": "W", "kW": "kW", "kvar": "kvar", "kW.h": "kWh", "Hz": "Hz",
    "Cel": "Cel", "m": "m", "km": "km", "km/h": "km/h", "m/s": "m/s", "deg": "deg", "lx": "lx",
    "%": "/100", "[ppm]": "ppm", "1": "/", "dBm": "dBm", "s": "s", "min": "min", "Pa": "Pa",
}  # fmt: skip
_LABELS = {"bn": -2, "bt": -3, "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4}


def pack_json(told: Told) -> bytes:
    """Section 5."""
    return json.dumps(_records(told), separators=(",", ":"), ensure_ascii=False).encode()


def pack_cbor(told: Told) -> bytes:
    """Section 6: the same with numbers for labels."""
    return cbor2.dumps(
        [{_LABELS[label]: value for label, value in one.items()} for one in _records(told)]
    )


def _records(told: Told) -> list[dict[str, Any]]:
    """The first one has the base name, which ends in the terminal's own, and the base time."""
    records: list[dict[str, Any]] = []
    for name, value in told.values.items():
        record: dict[str, Any] = {"n": name}
        if isinstance(value, bool):
            record["vb"] = value
        elif isinstance(value, str):
            record["vs"] = value
        else:
            unit = _UNITS.get(told.units.get(name) or "")
            record |= {"u": unit, "v": value} if unit else {"v": value}
        records.append(record)
    if records:
        records[0] = {"bn": f"urn:dev:ops:{told.name}:", "bt": told.ts_ms / 1000} | records[0]
    return records
