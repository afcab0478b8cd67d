"""SenML: any bytes end in readings or in one refusal; units become the profile's."""

import json
import math
from collections.abc import Sequence
from contextlib import suppress

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_bridge.decoders import Said, Undecodable, fit, senml
from broker_bridge.decoders.units import UnitsDiffer, conversion
from registry.model import DeviceProfile, Metric, MetricType, ProfileId, Sector
from telemetry.model import Reason

RECEIVED_US = 1_790_000_000_000_000
LABELS = [
    "bn",
    "bt",
    "bu",
    "bv",
    "bs",
    "bver",
    "n",
    "u",
    "v",
    "vb",
    "vs",
    "vd",
    "s",
    "t",
    "ut",
    "x_",
]
NUMBERS = {label: number for number, label in senml._LABELS.items()}
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["a:", "temp", "Cel", 10, 2**28, -1, 1e300, 2**64])
)
PACKS = st.lists(st.dictionaries(st.sampled_from(LABELS), VALUES, max_size=6), max_size=5)


def holds_together(each: Sequence[Said]) -> None:
    """What every decoder promises of what it returns."""
    (said,) = each
    assert said.readings or said.refused
    for reading in said.readings:
        assert reading.values
        for value in reading.values.values():
            assert type(value) in (int, float, bool, str)
            assert type(value) is not float or math.isfinite(value)
            assert type(value) is not int or -(2**63) <= value < 2**63


@given(PACKS)
def test_any_pack_is_read_or_refused(pack: list[dict[str, object]]) -> None:
    """In JSON and in CBOR alike; nothing but `Undecodable` is raised."""
    numbered = [{NUMBERS.get(label, label): v for label, v in one.items()} for one in pack]
    for decode, payload in (
        (senml.decode_json, json.dumps(pack).encode()),
        (senml.decode_cbor, cbor2.dumps(numbered)),
    ):
        with suppress(Undecodable):
            holds_together(decode(payload, RECEIVED_US, {}))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    """Bytes of nobody's."""
    for decode in (senml.decode_json, senml.decode_cbor):
        with suppress(Undecodable):
            holds_together(decode(payload, RECEIVED_US, {}))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"\x9b" + b"\xff" * 8, "no CBOR"),  # a list of 2^64 items
        (b"\x81" * 60_000, "no CBOR"),
        (cbor2.dumps([{0: "temp", 2: 1}]) + b"\0", "behind the pack"),
        (cbor2.dumps([{}] * 10_001), "records"),
        (b"\xd8\x1c\x81\xd8\x1d\x00", "not an object"),  # a list that holds itself
    ],
)
def test_cbor_that_lies_is_refused(payload: bytes, why: str) -> None:
    """In bounded time and memory, with a reason."""
    with pytest.raises(Undecodable) as refused:
        senml.decode_cbor(payload, RECEIVED_US, {})

    assert why in refused.value.detail


def profile(**units: str | None) -> DeviceProfile:
    """A profile with a double for each name."""
    return DeviceProfile(
        id=ProfileId(1),
        code="gauge",
        sector=Sector.POWER,
        title_zh="表",
        title_en="Gauge",
        codec="senml+json",
        expected_interval_seconds=60,
        metrics=tuple(
            Metric(name, MetricType.DOUBLE, unit, None, None, None, name, name)
            for name, unit in units.items()
        ),
    )


def test_values_become_those_of_the_profiles_units() -> None:
    """Kelvin, tenths and hours; a value of another kind is refused alone, a strange name stays."""
    pack = (
        b'[{"bn":"urn:dev:a:","bt":1790000000,"n":"temp","u":"K","v":298.15},'
        b'{"n":"energy","u":"kWh","v":1.5},{"n":"level","u":"mV","v":2301},'
        b'{"n":"speed","u":"m/s","v":10},{"n":"odd","u":"Cel","v":1},{"n":"new","u":"V","v":1}]'
    )
    (said,) = senml.decode_json(pack, RECEIVED_US, {})
    fitted = fit(said, profile(temp="Cel", energy="W.h", level="V", speed="km/h", odd="V"))

    assert [reading.values for reading in fitted.readings] == [
        {"temp": 25.0, "energy": 1500.0, "level": 2.301, "speed": 36.0, "new": 1}
    ]
    assert [(part.metric, part.reason, part.detail) for part in fitted.refused] == [
        ("odd", Reason.WRONG_TYPE, "is in Cel, not in V")
    ]


def test_a_unit_we_do_not_know_is_taken_only_as_it_is() -> None:
    """Of the same name nothing is to be done; of another it cannot be."""
    assert conversion("furlong", "furlong") is None
    assert conversion(None, "V") is None
    with pytest.raises(UnitsDiffer):
        conversion("furlong", "m")


@given(st.integers(-(10**9), 10**9))
def test_tenths_lose_nothing(tenths: int) -> None:
    """A number of tenths is the double next to it, and not one beside."""
    change = conversion("mV", "V")
    assert change is not None

    assert tenths / 1000 == change.of(tenths)
