"""What the data identifiers of DL/T 645-2007 (annex A) name: metric, digits, unit; pure.

An identifier is four bytes, DI3 first. In a block (a byte of FF) its items stand one after the
other. Metrics have the names below in every profile; tariff energies end in the rate's number, and
what was frozen at the end of an earlier settlement period or day is not decoded: it is no reading.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Item(NamedTuple):
    """A number in BCD, `size` bytes with the lowest first, of which `decimals` digits are a
    fraction; the highest bit is the sign where it is `signed`."""

    metric: str
    size: int
    decimals: int
    signed: bool
    unit: str | None


def _item(metric: str, digits: str, unit: str | None, *, signed: bool = False) -> Item:
    """From the standard's own notation, such as XXX.X."""
    whole, _, fraction = digits.partition(".")
    return Item(metric, (len(whole) + len(fraction)) // 2, len(fraction), signed, unit)


_PHASES = ("a", "b", "c")
_TOTAL_AND_PHASES = ("", "_a", "_b", "_c")
MOST_RATES = 63  # A.1

# DI2 of energies (DI3 00): A.1
_ENERGIES = {
    0x00: ("energy_kwh", "kW.h", True),  # combined active
    0x01: ("energy_import_kwh", "kW.h", False),
    0x02: ("energy_export_kwh", "kW.h", False),
    0x03: ("reactive_energy_1_kvarh", "kvar.h", True),  # combined reactive 1 and 2
    0x04: ("reactive_energy_2_kvarh", "kvar.h", True),
    0x05: ("reactive_energy_q1_kvarh", "kvar.h", False),
    0x06: ("reactive_energy_q2_kvarh", "kvar.h", False),
    0x07: ("reactive_energy_q3_kvarh", "kvar.h", False),
    0x08: ("reactive_energy_q4_kvarh", "kvar.h", False),
    0x09: ("apparent_energy_import_kvah", None, False),
    0x0A: ("apparent_energy_export_kvah", None, False),
}

# (DI2, DI1) of momentary values (DI3 02, DI0 00): A.3
_VARIABLES: dict[tuple[int, int], Item] = {}
for _place, _phase in enumerate(_PHASES, start=1):
    _VARIABLES[0x01, _place] = _item(f"voltage_{_phase}", "XXX.X", "V")
    _VARIABLES[0x02, _place] = _item(f"current_{_phase}", "XXX.XXX", "A", signed=True)
    _VARIABLES[0x07, _place] = _item(f"phase_angle_{_phase}_deg", "XXX.X", "deg")
    _VARIABLES[0x08, _place] = _item(f"voltage_distortion_{_phase}", "XX.XX", "%")
    _VARIABLES[0x09, _place] = _item(f"current_distortion_{_phase}", "XX.XX", "%")
for _place, _of in enumerate(_TOTAL_AND_PHASES):
    _VARIABLES[0x03, _place] = _item(f"active_power{_of}_kw", "XX.XXXX", "kW", signed=True)
    _VARIABLES[0x04, _place] = _item(f"reactive_power{_of}_kvar", "XX.XXXX", "kvar", signed=True)
    _VARIABLES[0x05, _place] = _item(f"apparent_power{_of}_kva", "XX.XXXX", "kV.A", signed=True)
    _VARIABLES[0x06, _place] = _item(f"power_factor{_of}", "X.XXX", "1", signed=True)

# DI0 of further ones (DI3 02, DI2 80, DI1 00): A.3
_FURTHER = {
    0x01: _item("neutral_current", "XXX.XXX", "A"),
    0x02: _item("frequency_hz", "XX.XX", "Hz"),
    0x03: _item("active_power_minute_kw", "XX.XXXX", "kW", signed=True),
    0x04: _item("active_demand_kw", "XX.XXXX", "kW", signed=True),
    0x05: _item("reactive_demand_kvar", "XX.XXXX", "kvar", signed=True),
    0x06: _item("apparent_demand_kva", "XX.XXXX", "kV.A", signed=True),
    0x07: _item("temperature_c", "XXX.X", "Cel", signed=True),
    0x08: _item("clock_battery_v", "XX.XX", "V"),
    0x09: _item("reading_battery_v", "XX.XX", "V"),
    0x0A: _item("battery_minutes", "XXXXXXXX", "min"),
}

# DI2, DI1, DI0 of counts (DI3 03): A.4
_COUNTS = {
    0x110000: _item("power_loss_count", "XXXXXX", None),
    0x300000: _item("programming_count", "XXXXXX", None),
    0x300100: _item("meter_clear_count", "XXXXXX", None),
    0x300200: _item("demand_clear_count", "XXXXXX", None),
    0x300400: _item("clock_set_count", "XXXXXX", None),
    0x300D00: _item("cover_open_count", "XXXXXX", None),
    0x300E00: _item("terminal_cover_open_count", "XXXXXX", None),
}

# Status words of the meter (DI3 04, DI2 00, DI1 05, DI0 01 to 07), two bytes of bits each: A.5
STATUS = 0x040005
DATE, TIME = 0x04000101, 0x04000102


def items(identifier: int) -> tuple[Iterator[Item], bool] | None:
    """The items of an identifier in order, and whether it is a block; None if none is known.

    A block of energies has as many rates as the meter keeps: the caller ends where the data do.
    """
    di3, di2, di1, di0 = identifier.to_bytes(4)
    if di3 == 0x00 and di0 == 0x00 and di2 in _ENERGIES and (di1 <= MOST_RATES or di1 == 0xFF):
        block = di1 == 0xFF
        rates = range(MOST_RATES + 1) if block else range(di1, di1 + 1)
        return (_energy(di2, rate) for rate in rates), block
    if di3 == 0x02 and di0 == 0x00 and di1 == 0xFF:
        found = [item for (kind, _), item in sorted(_VARIABLES.items()) if kind == di2]
        return (iter(found), True) if found else None
    if di3 == 0x02 and di0 == 0x00 and (di2, di1) in _VARIABLES:
        return iter([_VARIABLES[di2, di1]]), False
    if identifier >> 8 == 0x028000 and di0 in _FURTHER:
        return iter([_FURTHER[di0]]), False
    if di3 == 0x03 and identifier & 0xFFFFFF in _COUNTS:
        return iter([_COUNTS[identifier & 0xFFFFFF]]), False
    return None


def _energy(di2: int, rate: int) -> Item:
    metric, unit, signed = _ENERGIES[di2]
    return Item(f"{metric}_t{rate}" if rate else metric, 4, 2, signed, unit)


def every_unit() -> dict[str, str | None]:
    """The unit of each metric, for the profile to make it its own."""
    units = {item.metric: item.unit for table in (_FURTHER, _COUNTS) for item in table.values()}
    units |= {item.metric: item.unit for item in _VARIABLES.values()}
    for metric, unit, _ in _ENERGIES.values():
        units |= {f"{metric}_t{rate}" if rate else metric: unit for rate in range(MOST_RATES + 1)}
    return units | {f"status_word_{n}": None for n in range(1, 8)}
