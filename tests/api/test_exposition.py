"""What is written for Prometheus is read by its own client as it was meant, whatever it names."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from api import exposition
from api.exposition import OPENMETRICS, TEXT, family_of, takes_gzip, wanted
from telemetry.exposition import Exposed, Heard, Newest

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
VOLTS = "muster_reading_voltage_a_volts"


def exposed(
    values: Sequence[float],
    codes: Sequence[str],
    *,
    most: int = 1000,
    title: str = "Voltage",
    profile: str = "smart_meter",
) -> Exposed:
    """A client whose terminals of these codes said these voltages, and one never heard of."""
    count = len(codes)
    numbers = np.array(values, np.float64)
    heard = Heard(
        profile=profile,
        terminals=count + 1,
        heard=count,
        online=count,
        ids=np.arange(count, dtype=np.int32),
        codes=codes,
        last_seen=np.full(count, NOON.timestamp()),
    )
    newest = Newest(
        profile=profile,
        metric="voltage_a",
        unit="V",
        title=title,
        series=count,
        lowest=float(numbers.min()),
        highest=float(numbers.max()),
        mean=float(numbers[count // 2]),
        places=np.arange(count),
        values=numbers,
    )
    return Exposed(
        heard=[heard],
        newest=[newest],
        series=2 * count,
        most=most,
        as_of=NOON,
        metrics={profile: frozenset({"voltage_a"})},
    )


def read(thing: Exposed, kind: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Samples by the name of their family, as the client library of Prometheus reads them."""
    text = b"".join(exposition.blocks(thing, kind)).decode()
    parse = read_openmetrics if kind == OPENMETRICS else read_text
    return {f.name: [(s.labels, s.value) for s in f.samples] for f in parse(text)}


@pytest.mark.parametrize("kind", [TEXT, OPENMETRICS])
@given(
    codes=st.lists(st.text(max_size=20), min_size=1, max_size=5, unique=True),
    profile=st.text(max_size=9),
    title=st.text(max_size=30),
    value=st.floats(),
)
def test_no_text_gets_out_of_its_label(
    kind: str, codes: list[str], profile: str, title: str, value: float
) -> None:
    """Quotes, backslashes, line feeds: every sample is read with the labels it was given (B42)."""
    if any("\r" in text or not text.isprintable() for text in (*codes, profile, title)):
        codes, profile, title = [f'{k}\n"\\' for k in range(len(codes))], '"\n', '\\n"\n# TYPE x'
    found = read(exposed([value] * len(codes), codes, title=title, profile=profile), kind)

    assert [labels for labels, _ in found[VOLTS]] == [
        {"profile": profile, "terminal": code} for code in codes
    ]
    assert all(v == value or (math.isnan(v) and math.isnan(value)) for _, v in found[VOLTS])
    assert set(found) == {*exposition.FAMILIES, VOLTS}


@given(st.lists(st.floats(), min_size=1, max_size=50))
def test_every_number_is_told_exactly(values: list[float]) -> None:
    """No digit is lost on the way, and what is no number is told as such."""
    codes = [f"METER-{k}" for k in range(len(values))]
    told = [value for _, value in read(exposed(values, codes), TEXT)[VOLTS]]

    np.testing.assert_array_equal(told, values)


def test_many_terminals_are_told_in_blocks_and_none_twice() -> None:
    """More than a block holds, not a multiple of it: each terminal has its line, in order."""
    count = 2 * exposition.LINES_AT_ONCE + 3
    codes = [f"METER-{k}" for k in range(count)]
    thing = exposed([float(k) for k in range(count)], codes, most=10 * count)
    sizes = [block.count(b"\n") for block in exposition.blocks(thing, TEXT)]

    assert max(sizes) == exposition.LINES_AT_ONCE
    assert read(thing, TEXT)[VOLTS] == [
        ({"profile": "smart_meter", "terminal": code}, float(k)) for k, code in enumerate(codes)
    ]


@pytest.mark.parametrize("kind", [TEXT, OPENMETRICS])
def test_too_many_series_are_aggregates_with_a_marker(kind: str) -> None:
    """No terminal is named; what they are together is, and that it stands for them."""
    found = read(exposed([220.0, 230.0, 240.0], ["A", "B", "C"], most=5), kind)
    of_meters = {"profile": "smart_meter"}

    assert "'terminal'" not in str(found)
    assert found["muster_group_client_aggregated"] == [({}, 1.0)]
    assert found["muster_group_client_series"] == [({}, 6.0)]
    assert found["muster_group_client_series_cap"] == [({}, 5.0)]
    assert {name: found[f"muster_{name}_voltage_a_volts"] for name in
            ("lowest", "highest", "mean", "count")} == {
        "lowest": [(of_meters, 220.0)], "highest": [(of_meters, 240.0)],
        "mean": [(of_meters, 230.0)], "count": [(of_meters, 3.0)],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "unit", "name"),
    [
        ("voltage_a", "V", "voltage_a_volts"),
        ("current_a", "A", "current_a_amperes"),
        ("active_power_kw", "kW", "active_power_kw"),
        ("energy_kwh", "kW.h", "energy_kwh"),
        ("speed_kmh", "km/h", "speed_kmh"),
        ("heading_deg", "deg", "heading_deg"),
        ("temperature", "Cel", "temperature_celsius"),
        ("power_factor", "1", "power_factor"),
        ("satellites", None, "satellites"),
        ("humidity", "%", "humidity_percent"),
        ("odd", "°/~", "odd"),
    ],
)
def test_a_name_says_its_unit_once(metric: str, unit: str | None, name: str) -> None:
    """By Prometheus' words for it, or as the profile has it."""
    assert family_of(metric, unit) == name


def test_two_metrics_of_a_profile_never_have_one_name() -> None:
    """What would be called as another metric keeps its own name."""
    beside = frozenset({"voltage", "voltage_volts"})
    assert family_of("voltage", "V", beside) == "voltage"
    assert family_of("voltage_volts", "V", beside) == "voltage_volts"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5,*/*;q=0.1",
         OPENMETRICS),
        ("application/openmetrics-text;q=0.2, text/plain;version=0.0.4;q=0.9", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=nonsense", TEXT),
    ],
)  # fmt: skip
def test_the_format_is_what_the_scraper_likes_best(accept: str, kind: str) -> None:
    """OpenMetrics where it is asked for, else plain text."""
    assert wanted(accept) == kind


def test_gzip_is_for_who_takes_it() -> None:
    """A coding that is named with a quality of zero is refused."""
    assert [takes_gzip(asked) for asked in ("gzip", "deflate, gzip;q=0.5", "", "gzip;q=0")] == [
        True, True, False, False,
    ]  # fmt: skip
