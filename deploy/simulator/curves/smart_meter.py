"""A three-phase meter of a shop or workshop: busy days, quiet nights, slow Sundays.

Power is a sum of sines over the local day and week, so that energy is its exact integral: it never
falls, and its slope is the power that the meter shows.
"""

import math
from datetime import UTC, datetime
from functools import lru_cache

from deploy.simulator.chance import between, chance, drift
from deploy.simulator.curves import Values
from deploy.simulator.curves.day import DAY_SECONDS, local_seconds

# (turns a day, share of the mean, hour of the top): a working day with an evening peak and a quiet
# night; the week's wave is lowest on Sunday noon (the count of local seconds began on a Thursday)
_SHAPE = (
    (1.0, 0.40, 15.0),
    (2.0, 0.16, 8.6),
    (3.0, 0.08, 19.6),
    (1.0 / 7.0, 0.08, 0.0),
)
_INSTALLED = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
_PHASES = ("a", "b", "c")


@lru_cache(maxsize=20_000)
def _waves(seed: int) -> tuple[tuple[float, float, float], ...]:
    """(amplitude as a share of the mean, radians a second, phase) of each wave of one meter."""
    waves = []
    for number, (turns, share, top_hour) in enumerate(_SHAPE):
        speed = 2.0 * math.pi * turns / DAY_SECONDS
        top = (top_hour + between(-0.8, 0.8, seed, 10 + number)) * 3600.0
        waves.append((share * between(0.8, 1.1, seed, 20 + number), speed, speed * top))
    for number, minutes in enumerate((7.0, 19.0, 53.0)):
        speed = 2.0 * math.pi / (minutes * 60.0 * between(0.8, 1.25, seed, 30 + number))
        waves.append((0.05, speed, 2.0 * math.pi * chance(seed, 40 + number, 0)))
    return tuple(waves)


def _mean_kw(seed: int) -> float:
    return 3.0 * math.pow(10.0, between(0.0, 1.0, seed, 1))


def active_power_kw(seed: int, local: float) -> float:
    """The load at a local second; always above zero (the waves' shares sum to less than 1)."""
    share = 1.0 + sum(a * math.cos(w * local - phase) for a, w, phase in _waves(seed))
    return _mean_kw(seed) * share


def energy_kwh(seed: int, local: float) -> float:
    """What the meter has counted since it was installed: the integral of the load."""

    def counted(second: float) -> float:
        waves = sum(a / w * math.sin(w * second - phase) for a, w, phase in _waves(seed))
        return second + waves

    return _mean_kw(seed) * (counted(local) - counted(_INSTALLED)) / 3600.0


def curve(seed: int, at: datetime) -> Values:
    """Voltages of 220 to 240 V that sag with the load, currents and powers that agree, energy."""
    local = local_seconds(at)
    power = active_power_kw(seed, local)
    burden = power / (2.0 * _mean_kw(seed))
    power_factor = 0.93 + 0.05 * drift(seed, 2, local, 5400.0)
    values: dict[str, float] = {}
    shares = [1.0 + 0.12 * drift(seed, 50 + n, local, 2700.0) for n in range(3)]
    for number, phase in enumerate(_PHASES):
        voltage = 233.0 - 8.0 * burden + 4.0 * drift(seed, 60 + number, local, 900.0)
        kw = power * shares[number] / sum(shares)
        values[f"voltage_{phase}"] = round(voltage, 1)
        values[f"current_{phase}"] = round(1000.0 * kw / (voltage * power_factor), 2)
    values["active_power_kw"] = round(power, 3)
    values["reactive_power_kvar"] = round(power * math.tan(math.acos(power_factor)), 3)
    values["power_factor"] = round(power_factor, 3)
    values["energy_kwh"] = round(energy_kwh(seed, local), 2)
    values["frequency_hz"] = round(50.0 + 0.03 * drift(seed, 3, local, 60.0), 3)
    return values
