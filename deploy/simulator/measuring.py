"""What one member of the fleet measures at a moment, in the names and ranges of its own profile."""

from datetime import datetime

from deploy.reference.clients import Story
from deploy.simulator.chance import chance, seed_of
from deploy.simulator.curves import (
    Curve,
    Value,
    Values,
    generic,
    security,
    smart_meter,
    transformer_station,
    vehicle_tracker,
)
from deploy.simulator.fleet import Member

CURVES: dict[str, Curve] = {
    "smart_meter": smart_meter.curve,
    "dlt645_meter": smart_meter.curve,
    "senml_meter": smart_meter.curve,
    "transformer_station": transformer_station.curve,
    "alarm_panel": security.alarm_panel,
    "dc09_panel": security.alarm_panel,
    "site_environment": security.site_environment,
    "senml_site": security.site_environment,
}
_DEFAULT_DEPOT = (34.27, 108.95)
_LIMIT_KMH, _OVERSPEED = 60.0, 1 << 1  # JT/T 808-2019, table 24
_SPREAD_DEGREES = 0.15


def measured(member: Member, seed: int, at: datetime) -> dict[str, Value]:
    """A value of every metric that the member's profile shows; `at` is aware, in the local zone.

    A profile's own curve speaks first; what it does not know is made up within the metric's range.
    """
    known = _known(member, seed, at)
    values: dict[str, Value] = {}
    for metric in member.metrics:
        if metric.hidden:
            continue
        if metric.name in known:
            values[metric.name] = known[metric.name]
        elif member.replay is None:
            values[metric.name] = generic.value(metric, seed, at)
    if member.story is Story.WRONG_UNITS:
        return _in_thousands(member, values)
    return values


def _known(member: Member, seed: int, at: datetime) -> Values:
    if member.replay is not None:
        return vehicle_tracker.replayed(member.replay, at)
    if member.profile in {"vehicle_tracker", "jt808_vehicle"}:
        latitude, longitude = depot(member, seed)
        values = vehicle_tracker.driven(seed, at, latitude, longitude)
        speeding = float(values["speed_kmh"]) > _LIMIT_KMH
        return {**values, "alarm_bits": _OVERSPEED if speeding else 0}
    curve = CURVES.get(member.profile)
    return curve(seed, at) if curve else {}


def depot(member: Member, seed: int) -> tuple[float, float]:
    """Where a vehicle starts from: some streets away from the place that its line names."""
    latitude = member.latitude if member.latitude is not None else _DEFAULT_DEPOT[0]
    longitude = member.longitude if member.longitude is not None else _DEFAULT_DEPOT[1]
    north, east = (_SPREAD_DEGREES * (chance(seed, 90 + n, 0) - 0.5) for n in range(2))
    return latitude + north, longitude + east


def _in_thousands(member: Member, values: dict[str, Value]) -> dict[str, Value]:
    """Volts sent as kilovolts: the mistake of a meter whose unit is set wrong."""
    volts = {metric.name for metric in member.metrics if metric.unit == "V"}
    return {
        name: round(value / 1000.0, 4) if name in volts and isinstance(value, float) else value
        for name, value in values.items()
    }


def seed_for(member: Member, seed: int) -> int:
    """The seed of a member's curves in a simulation that was given `seed`."""
    return seed_of(seed, member.code)
