"""An alarm panel with the events that it reports, and the sensors of a guarded site."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy.simulator.chance import between, chance, drift
from deploy.simulator.curves import Values
from deploy.simulator.curves.day import DAY_SECONDS, local_day, local_hour, local_seconds, ramp

_SLOT_SECONDS = 300
_MOVEMENT = 0.03
_TAMPER = 0.0005
_MAINS_CUT = 0.01


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that a terminal reports as an event at `at`."""

    at: datetime
    code: str
    severity: str
    text: str
    zone: int | None = None


def _armed(seed: int, local: float) -> bool:
    """Armed from the evening to the morning; on the seventh day all day."""
    if int(local // DAY_SECONDS) % 7 == 3:
        return True
    hour = local % DAY_SECONDS / 3600.0
    return not between(6.5, 8.5, seed, 1) <= hour < between(19.0, 22.0, seed, 2)


def _slot(local: float) -> int:
    return int(local // _SLOT_SECONDS)


def _mains_ok(seed: int, slot: int) -> bool:
    """Cut now and then, for an hour from its start."""
    return chance(seed, 3, slot // 12) >= _MAINS_CUT


def _zone_opened(seed: int, slot: int) -> bool:
    return chance(seed, 4, slot) < _MOVEMENT


def alarm_panel(seed: int, at: datetime) -> Values:
    """Armed by the hour; zones open while people are in; the battery sags when the mains is cut."""
    local = local_seconds(at)
    slot = _slot(local)
    mains = _mains_ok(seed, slot)
    armed = _armed(seed, local)
    open_zones = int(_zone_opened(seed, slot)) if armed else int(4 * chance(seed, 5, slot))
    since_cut = local % (12 * _SLOT_SECONDS) / 3600.0
    battery = 13.6 if mains else 12.9 - 1.4 * since_cut
    return {
        "armed": armed,
        "mains_ok": mains,
        "battery_v": round(battery + 0.05 * drift(seed, 6, local, 600.0), 2),
        "zones_open": open_zones,
        "tamper": chance(seed, 7, slot) < _TAMPER,
        "signal_dbm": round(between(-88.0, -66.0, seed, 8) + 5.0 * drift(seed, 9, local, 1800.0)),
    }


def happenings(seed: int, after: datetime, until: datetime) -> Iterator[Happening]:
    """What a panel has to report of after < t <= until, in order; edges fall on 5-minute marks."""
    first = _slot(local_seconds(after)) + 1
    for slot in range(first, _slot(local_seconds(until)) + 1):
        local = float(slot * _SLOT_SECONDS)
        at = until - timedelta(seconds=local_seconds(until) - local)
        armed, was_armed = _armed(seed, local), _armed(seed, local - _SLOT_SECONDS)
        if armed != was_armed:
            word = "armed" if armed else "disarmed"
            yield Happening(at, word, "indeterminate", f"Panel {word}")
        mains, had_mains = _mains_ok(seed, slot), _mains_ok(seed, slot - 1)
        if mains != had_mains:
            yield (
                Happening(at, "mains_restored", "indeterminate", "Mains power is back")
                if mains
                else Happening(at, "mains_cut", "major", "Mains power is cut")
            )
        if armed and was_armed and _zone_opened(seed, slot):
            zone = 1 + int(8 * chance(seed, 10, slot))
            yield Happening(at, "zone_alarm", "critical", f"Zone {zone} opened while armed", zone)
        if chance(seed, 7, slot) < _TAMPER:
            yield Happening(at, "tamper", "critical", "The panel's cover was opened")


def site_environment(seed: int, at: datetime) -> Values:
    """Warm by day, damp by night, a door that people use, and once in a while smoke or water."""
    local = local_seconds(at)
    hour, slot = local_hour(at), _slot(local)
    warmth = ramp(hour, 6.0, 14.0) - ramp(hour, 15.0, 23.0)
    temperature = between(15.0, 22.0, seed, 1) + 7.0 * warmth + 1.5 * drift(seed, 2, local, 7200.0)
    humidity = 68.0 - 18.0 * warmth + 8.0 * drift(seed, 3, local, 10_800.0)
    busy = 8.0 <= hour < 19.0
    smoke = 6.0 + 3.0 * drift(seed, 4, local, 1200.0)
    if chance(seed, 5, slot // 3) < 0.002:
        smoke += 140.0 * (0.6 + 0.4 * drift(seed, 6, local, 120.0))
    days_in_use = (local_day(at) + 400 * chance(seed, 9, 0)) % 400
    return {
        "temperature_c": round(temperature, 1),
        "humidity_percent": round(humidity, 1),
        "smoke_ppm": round(smoke, 1),
        "water_leak": chance(seed, 7, slot // 6) < 0.0008,
        "door_open": busy and chance(seed, 8, slot) < 0.08,
        "battery_v": round(3.65 - 0.0012 * days_in_use, 2),
    }
