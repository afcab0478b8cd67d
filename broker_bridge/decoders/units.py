"""Units by their UCUM names, and what makes one of another; pure.

Converted once, at the door: tables hold what the profile says. The ratio is exact: 2301 tenths of
a volt are 230.1 V and not 230.10000000000002.
"""

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

# By dimension, each unit's ratio to the first one. UCUM 2.1; `/min` is a rate, `1` a pure number.
_RATIOS: dict[str, dict[str, str]] = {
    "voltage": {"V": "1", "mV": "1/1000", "kV": "1000"},
    "current": {"A": "1", "mA": "1/1000", "kA": "1000"},
    "resistance": {"Ohm": "1", "mOhm": "1/1000", "kOhm": "1000", "MOhm": "1000000"},
    "conductance": {"S": "1", "mS": "1/1000"},
    "active power": {"W": "1", "mW": "1/1000", "kW": "1000", "MW": "1000000"},
    "reactive power": {"var": "1", "kvar": "1000", "Mvar": "1000000"},
    "apparent power": {"V.A": "1", "kV.A": "1000", "MV.A": "1000000"},
    "energy": {
        "J": "1", "kJ": "1000", "MJ": "1000000", "W.h": "3600", "kW.h": "3600000",
        "MW.h": "3600000000",
    },
    "reactive energy": {"var.h": "1", "kvar.h": "1000", "Mvar.h": "1000000"},
    "charge": {"C": "1", "A.h": "3600", "mA.h": "18/5"},
    "frequency": {"Hz": "1", "kHz": "1000", "MHz": "1000000"},
    "rate": {"/s": "1", "/min": "1/60", "/h": "1/3600"},
    "length": {"m": "1", "km": "1000", "cm": "1/100", "mm": "1/1000"},
    "area": {"m2": "1", "cm2": "1/10000"},
    "volume": {"m3": "1", "L": "1/1000", "mL": "1/1000000"},
    "flow": {
        "m3/s": "1", "m3/h": "1/3600", "L/s": "1/1000", "L/min": "1/60000", "L/h": "1/3600000",
    },
    "speed": {"m/s": "1", "km/h": "5/18"},
    "acceleration": {"m/s2": "1"},
    "mass": {"kg": "1", "g": "1/1000", "t": "1000"},
    "time": {"s": "1", "ms": "1/1000", "min": "60", "h": "3600", "d": "86400"},
    "angle": {"deg": "1"},
    "angle in radians": {"rad": "1"},
    "pressure": {
        "Pa": "1", "hPa": "100", "kPa": "1000", "MPa": "1000000", "bar": "100000", "mbar": "100",
    },
    "force": {"N": "1", "kN": "1000"},
    "illuminance": {"lx": "1"},
    "irradiance": {"W/m2": "1"},
    "fraction": {"1": "1", "%": "1/100", "[ppth]": "1/1000", "[ppm]": "1/1000000"},
    "data": {"bit": "1", "By": "8", "kBy": "8000", "MBy": "8000000"},
    "data rate": {"bit/s": "1", "kbit/s": "1000"},
    "level": {"dB": "1"},
    "power level": {"dBm": "1"},
    "power level above a watt": {"dBW": "1"},
    "acidity": {"[pH]": "1"},
    "conductivity": {"S/m": "1"},
}  # fmt: skip
# Temperatures differ by more than a ratio: to kelvin, multiply and then add.
_TO_KELVIN = {
    "K": (Fraction(1), Fraction(0)),
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("273.15") - Fraction(160, 9)),
}
_KNOWN = {
    unit: (dimension, Fraction(ratio), Fraction(0))
    for dimension, units in _RATIOS.items()
    for unit, ratio in units.items()
} | {unit: ("temperature", ratio, offset) for unit, (ratio, offset) in _TO_KELVIN.items()}


class Conversion(NamedTuple):
    """A value of one unit in another: `value * times / by + plus`."""

    times: int
    by: int
    plus: float

    def of(self, value: float) -> float:
        """The value in the wanted unit."""
        return value * self.times / self.by + self.plus


class UnitsDiffer(Exception):
    """What is wanted cannot be made of what is given."""


@lru_cache(maxsize=4096)
def conversion(given: str | None, wanted: str | None) -> Conversion | None:
    """How to make one of the other; None where there is nothing to do.

    A value or a metric without a unit is taken as it is. Raises `UnitsDiffer`.
    """
    if given is None or wanted is None or given == wanted:
        return None
    source, target = _KNOWN.get(given), _KNOWN.get(wanted)
    if source is None or target is None or source[0] != target[0]:
        raise UnitsDiffer(f"is in {given}, not in {wanted}")
    ratio = source[1] / target[1]
    plus = (source[2] - target[2]) / target[1]
    return Conversion(ratio.numerator, ratio.denominator, float(plus))
