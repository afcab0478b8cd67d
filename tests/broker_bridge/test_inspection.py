"""What a payload says, shown: every good case whole, and every fault by its byte."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from broker_bridge import inspection
from broker_bridge.decoders import Said, Undecodable
from deploy.bench import cases
from deploy.bench.cases import RECEIVED_US, Case
from foundation.errors import Invalid
from registry.model import DeviceProfile, Metric, MetricType, ProfileId, Sector
from tests.broker_bridge.test_codec_cases import CASES


def decoded(codec: str, case: Case) -> Sequence[Said] | Undecodable:
    """What the decoder itself says, or how it refuses."""
    try:
        return case.decoded(codec)
    except Undecodable as error:
        return error


VOLTAGE = Metric("voltage_a", MetricType.DOUBLE, "V", None, None, None, "A", "A")
CURRENT = replace(VOLTAGE, name="current_a", unit="A")
METERED = DeviceProfile(
    id=ProfileId(1),
    code="m",
    sector=Sector.POWER,
    title_zh="m",
    title_en="m",
    codec="senml+json",
    expected_interval_seconds=60,
    metrics=(VOLTAGE,),
)


def test_cases_are_shown_as_they_are_decoded() -> None:
    """As many readings and events as the decoder gives, as JSON; or its refusal, at its byte."""
    shown = refused = 0
    for folder in CASES:
        codec, case = folder.parent.name, cases.read(folder)
        told = inspection.inspect(case.payload, codec, case.options, received_us=RECEIVED_US)
        assert json.loads(json.dumps(told)) == told, case
        said = decoded(codec, case)
        if isinstance(said, Undecodable):
            refused += 1
            refusal = told["refusal"]
            assert (refusal["reason"], refusal["position"]) == (said.reason, said.position), case
            assert told["said"] == []
        else:
            shown += 1
            assert told["refusal"] is None, case
            assert [(len(one["readings"]), len(one["events"])) for one in told["said"]] == [
                (len(one.readings), len(one.events)) for one in said
            ]
    assert shown > refused > 0


def test_the_byte_where_it_goes_wrong_is_shown_between_its_neighbours() -> None:
    """What comes before it, and from it on."""
    frame = b'{"voltage_a": 231.2, "ts": oops}'
    refusal = inspection.inspect(frame, "json", {}, received_us=RECEIVED_US)["refusal"]
    before, after = (bytes.fromhex(part) for part in refusal["around"])

    assert refusal["reason"] == "malformed"
    assert before == frame[refusal["position"] - 8 : refusal["position"]]
    assert after == frame[refusal["position"] :][:8]


def test_by_a_profile_values_are_in_its_units() -> None:
    """As the bridge stores them: what the format has in kV, the profile in V."""
    payload = b'[{"n":"voltage_a","u":"mV","v":231200}]'

    def values(profile: DeviceProfile | None) -> object:
        told = inspection.inspect(
            payload, "senml+json", {}, received_us=RECEIVED_US, profile=profile
        )
        return told["said"][0]["readings"][0]["values"]

    assert (values(None), values(METERED)) == ({"voltage_a": 231200}, {"voltage_a": 231.2})


def test_by_a_profile_what_it_does_not_take_is_refused() -> None:
    """Beyond its range, of another type, or no metric of it; of what is good nothing."""
    metered = replace(METERED, codec="json", metrics=(replace(VOLTAGE, high=260.0), CURRENT))
    payload = b'{"voltage_a": 300, "current_a": "much", "current_b": 5}'

    told = inspection.inspect(payload, "json", {}, received_us=RECEIVED_US, profile=metered)
    alone = inspection.inspect(
        b'{"voltage_a": 230, "x": 1}', "json", {}, received_us=RECEIVED_US, profile=metered
    )

    assert {(part["metric"], part["reason"]) for part in told["said"][0]["refused"]} == {
        ("voltage_a", "out_of_range"),
        ("current_a", "wrong_type"),
        ("current_b", "unknown_metric"),
    }
    assert [part["metric"] for part in alone["said"][0]["refused"]] == ["x"]


@pytest.mark.parametrize(
    ("text", "form", "payload"),
    [
        ("7e 02 00", "hex", b"\x7e\x02\x00"),
        ("0x7e,0x02:00", "hex", b"\x7e\x02\x00"),
        ("fgI=\n", "base64", b"\x7e\x02"),
        ("电", "text", "电".encode()),
    ],
)
def test_bytes_are_read_as_people_write_them(text: str, form: str, payload: bytes) -> None:
    """With blanks, colons, commas and 0x between them."""
    assert inspection.bytes_of(text, form) == payload


@pytest.mark.parametrize(("text", "form"), [("7e 0", "hex"), ("7z", "hex"), ("f", "base64")])
def test_bytes_that_are_none_are_refused(text: str, form: str) -> None:
    """By the form they are not written in."""
    with pytest.raises(Invalid, match=form):
        inspection.bytes_of(text, form)


@pytest.mark.parametrize(("codec", "options"), [("xml", {}), ("json", {"lenient": True})])
def test_what_there_is_not_is_named(codec: str, options: dict[str, bool]) -> None:
    """A codec or an option that no profile may name either."""
    with pytest.raises(Invalid, match=codec):
        inspection.inspect(b"{}", codec, options, received_us=RECEIVED_US)
