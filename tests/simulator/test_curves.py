"""Curves are repeatable, stay within their profile's ranges, and agree with physics."""

import csv
import math
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.behaviour import DEFAULT_ZONE
from deploy.simulator.curves import smart_meter, transformer_station, vehicle_tracker
from deploy.simulator.curves.security import happenings
from deploy.simulator.measuring import measured
from registry.model import Metric, MetricType
from tests.simulator.members import PROFILES, member

MOMENTS = st.datetimes(
    datetime(2024, 2, 1),  # noqa: DTZ001
    datetime(2032, 1, 1),  # noqa: DTZ001
    timezones=st.just(DEFAULT_ZONE),
)
SEEDS = st.integers(0, 2**64 - 1)
PYTHON_TYPES = {
    MetricType.DOUBLE: (float, int),
    MetricType.BIGINT: (int,),
    MetricType.BOOLEAN: (bool,),
    MetricType.TEXT: (str,),
}
NOON = datetime(2026, 11, 23, 12, tzinfo=DEFAULT_ZONE)


@pytest.mark.parametrize("profile", sorted(PROFILES))
@given(seed=SEEDS, at=MOMENTS)
def test_every_built_in_profile_gets_values_that_it_accepts(
    profile: str, seed: int, at: datetime
) -> None:
    """Every metric has a value of its type and within its range, the same at each asking."""
    fields = measured(member(profile), seed, at)

    assert list(fields) == [metric.name for metric in PROFILES[profile].metrics]
    for metric in PROFILES[profile].metrics:
        value = fields[metric.name]
        assert type(value) in PYTHON_TYPES[metric.type]
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert metric.low is None or metric.low <= value, metric.name
            assert metric.high is None or value <= metric.high, metric.name
    assert fields == measured(member(profile), seed, at)


def test_two_terminals_differ() -> None:
    """A seed makes a terminal its own."""
    for profile in set(PROFILES) - {"transformer_station"}:
        assert measured(member(profile), 1, NOON) != measured(member(profile), 2, NOON)


@given(
    st.sampled_from(list(MetricType)),
    st.floats(-1e6, 1e6),
    st.floats(0, 1e6),
    st.sampled_from(["both", "low", "high", "none"]),
    SEEDS,
    MOMENTS,
)
def test_a_profile_nobody_knows_gets_values_within_its_ranges(
    kind: MetricType, low: float, width: float, ends: str, seed: int, at: datetime
) -> None:
    """The generic curve keeps to the ends that a metric names, and to its type."""
    whole = kind is MetricType.BIGINT
    bottom, top = (
        (math.ceil(low), math.ceil(low) + math.ceil(width)) if whole else (low, low + width)
    )
    metric = Metric(
        "level",
        kind,
        None,
        bottom if ends in {"both", "low"} else None,
        top if ends in {"both", "high"} else None,
        None,
        "",
        "",
    )
    unknown = member("smart_meter").model_copy(update={"profile": "tank", "metrics": (metric,)})

    value = measured(unknown, seed, at)["level"]

    assert type(value) in PYTHON_TYPES[kind]
    if isinstance(value, int | float) and not isinstance(value, bool):
        slack = 0.001
        assert metric.low is None or metric.low - slack <= value
        assert metric.high is None or value <= metric.high + slack


def test_a_meters_energy_never_falls_and_is_the_integral_of_its_power() -> None:
    """Over three days the counted energy equals the summed load, minute by minute."""
    for seed in range(5):
        start = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
        minutes = [start + 60.0 * k for k in range(3 * 1440 + 1)]
        energies = [smart_meter.energy_kwh(seed, m) for m in minutes]
        loads = [smart_meter.active_power_kw(seed, m + 30.0) for m in minutes[:-1]]

        assert all(later > earlier for earlier, later in pairwise(energies))
        assert energies[-1] - energies[0] == pytest.approx(sum(loads) / 60.0, rel=1e-4)


def test_a_meter_has_busy_days_and_quiet_nights() -> None:
    """The load at eleven is well above the load at four in the morning, averaged over a month."""
    days = [datetime(2026, 11, day, tzinfo=DEFAULT_ZONE) for day in range(1, 29)]

    def mean(hour: int) -> float:
        loads = [smart_meter.curve(7, day.replace(hour=hour))["active_power_kw"] for day in days]
        return sum(map(float, loads)) / len(loads)

    assert mean(11) > 1.5 * mean(4)


def test_a_phases_currents_and_voltages_give_the_power() -> None:
    """The three phases add up to the active power that the meter shows."""
    values = smart_meter.curve(3, NOON)
    watts = sum(
        float(values[f"voltage_{p}"]) * float(values[f"current_{p}"]) for p in "abc"
    ) * float(values["power_factor"])
    assert watts / 1000.0 == pytest.approx(float(values["active_power_kw"]), rel=0.01)


def file_rows() -> list[dict[str, float]]:
    """ETTh1.csv, read here on its own."""
    with transformer_station.SOURCE.open(newline="") as file:
        header, *lines = csv.reader(file)
        names = [transformer_station.COLUMNS[column] for column in header[1:]]
        return [dict(zip(names, map(float, line[1:]), strict=True)) for line in lines]


def test_a_transformer_sends_the_files_rows_as_they_stand() -> None:
    """Hour by hour the replay is the file's own sequence of rows, unchanged, for two years."""
    recorded = file_rows()
    weeks = len(recorded) // 168
    start = datetime(2026, 11, 23, 0, 30, tzinfo=DEFAULT_ZONE)
    first = transformer_station.row_number(5, start)

    sent = [transformer_station.curve(5, start + timedelta(hours=k)) for k in range(weeks * 168)]

    assert sent == [recorded[(first + k) % (weeks * 168)] for k in range(weeks * 168)]


def test_a_transformer_keeps_weekday_and_hour_of_the_recording() -> None:
    """What was recorded on a Friday at five is sent on Fridays at five."""
    friday = datetime(2026, 11, 27, 17, 15, tzinfo=timezone(timedelta(hours=8)))
    recorded_at = datetime(2016, 7, 1, tzinfo=UTC) + timedelta(
        hours=transformer_station.row_number(0, friday)
    )
    assert (recorded_at.weekday(), recorded_at.hour) == (4, 17)


def test_a_replaying_vehicle_says_the_logs_fixes_at_todays_times() -> None:
    """Second by second the loop gives the positions of the recorded fixes, in their order."""
    log = vehicle_tracker.track("beidou-bd")
    span = round((log[-1].at - log[0].at).total_seconds()) + 1
    start = datetime.fromtimestamp(1_790_000_000 // span * span, UTC)

    said = [
        vehicle_tracker.replayed("beidou-bd", start + timedelta(seconds=k)) for k in range(span)
    ]

    assert [(v["latitude"], v["longitude"]) for v in said] == [
        (round(fix.latitude, 7), round(fix.longitude, 7)) for fix in log
    ]
    assert [v["speed_kmh"] for v in said] == [round(fix.speed_kmh, 2) for fix in log]


@given(seed=SEEDS, day=st.integers(0, 300))
def test_a_vehicles_mileage_is_the_way_between_its_positions(seed: int, day: int) -> None:
    """Minute by minute the driven way is at least the straight line, and never runs backwards."""
    start = datetime(2026, 1, 1, 9, tzinfo=DEFAULT_ZONE) + timedelta(days=day)
    moments = [start + timedelta(minutes=k) for k in range(30)]
    said = [vehicle_tracker.driven(seed, at, 31.0, 121.0) for at in moments]

    for before, after in pairwise(said):
        north = (float(after["latitude"]) - float(before["latitude"])) * 111.32
        east = (
            (float(after["longitude"]) - float(before["longitude"]))
            * 111.32
            * math.cos(math.radians(31.0))
        )
        way = float(after["mileage_km"]) - float(before["mileage_km"])
        assert way >= 0
        assert math.hypot(north, east) <= way + 0.05


def test_a_vehicle_stands_at_night() -> None:
    """At three in the morning it does not move, and its ignition is off."""
    night = datetime(2026, 11, 23, 3, tzinfo=DEFAULT_ZONE)
    later = night + timedelta(hours=1)
    first, second = (vehicle_tracker.driven(9, at, 31.0, 121.0) for at in (night, later))
    assert (first["speed_kmh"], first["ignition"]) == (0.0, False)
    assert (first["latitude"], first["mileage_km"]) == (second["latitude"], second["mileage_km"])


def test_a_panel_reports_each_arming_once() -> None:
    """Over a working week armed and disarmed take turns, and fit what the panel measures."""
    monday = datetime(2026, 11, 23, tzinfo=DEFAULT_ZONE)
    told = list(happenings(11, monday, monday + timedelta(days=5)))

    words = [h.code for h in told if h.code in {"armed", "disarmed"}]
    assert words == ["disarmed", "armed"] * 5 or words == ["armed", "disarmed"] * 5
    for happening in told:
        if happening.code in {"armed", "disarmed"}:
            values = measured(member("alarm_panel"), 11, happening.at)
            assert values["armed"] == (happening.code == "armed")


@given(SEEDS, st.integers(0, 10_000), st.integers(1, 10_000))
def test_happenings_do_not_depend_on_how_time_is_cut(seed: int, first: int, second: int) -> None:
    """Asked in two steps or in one, a panel reports the same, once."""
    start = datetime(2026, 11, 23, tzinfo=DEFAULT_ZONE)
    middle, end = start + timedelta(seconds=first), start + timedelta(seconds=first + second)
    in_two = [*happenings(seed, start, middle), *happenings(seed, middle, end)]
    assert in_two == list(happenings(seed, start, end))
