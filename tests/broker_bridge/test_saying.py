"""What a terminal says of itself in JSON: at its start, and beside its values."""

import orjson
import pytest

from broker_bridge.decoders.document import Refusals
from broker_bridge.decoders.identity import introduction
from broker_bridge.decoders.json import decode
from telemetry.model import Identity, Reason

IMEI, CARD, IMSI = "490154203237518", "89860012345678901234", "460040123456789"


@pytest.mark.parametrize(
    "message",
    [
        {"ts": 1_790_000_000_000, "imei": IMEI, "iccid": CARD, "values": {"voltage_a": 231.2}},
        {"voltage_a": 231.2, "imei": IMEI, "iccid": CARD},
        [{"voltage_a": 231.2}, {"imei": int(IMEI), "iccid": CARD + "F", "voltage_a": 231.4}],
    ],
)
def test_identity_stands_beside_the_values(message: object) -> None:
    """In each form; a number may be a number, and is no value of a metric."""
    (said,) = decode(orjson.dumps(message), 0, {})

    assert said.identity == Identity(imei=IMEI, iccid=CARD)
    assert not said.refused
    assert {name for reading in said.readings for name in reading.values} == {"voltage_a"}


def test_identity_alone_is_a_message() -> None:
    """Nothing was measured, and nothing is wrong."""
    (said,) = decode(orjson.dumps({"imsi": IMSI, "values": {}}), 0, {})

    assert (said.identity, said.readings, said.refused) == (Identity(imsi=IMSI), [], [])


def test_a_wrong_number_is_refused_alone() -> None:
    """The values beside it are taken, and so are the other numbers."""
    (said,) = decode(orjson.dumps({"voltage_a": 231.2, "imei": "123", "imsi": IMSI}), 0, {})

    assert said.identity == Identity(imsi=IMSI)
    assert [(part.metric, part.reason) for part in said.refused] == [("imei", Reason.MALFORMED)]
    assert [reading.values for reading in said.readings] == [{"voltage_a": 231.2}]


def test_what_says_nothing_of_itself_has_no_identity() -> None:
    """Null says nothing."""
    for message in ({"voltage_a": 231.2}, {"voltage_a": 231.2, "imei": None}):
        (said,) = decode(orjson.dumps(message), 0, {})
        assert said.identity is None


def test_an_introduction_takes_what_it_can() -> None:
    """Each field alone: texts of a length, a boot that may be a number, unknown ones left out."""
    refusals = Refusals(0)
    hello = {
        "imei": IMEI, "iccid": True, "imsi": IMSI, "apn": "cmiot", "firmware": "x" * 101,
        "model": "", "boot": 17, "uptime": 3,
    }  # fmt: skip

    said = introduction(hello, refusals)

    assert said == Identity(imei=IMEI, imsi=IMSI, apn="cmiot", boot="17")
    assert {part.metric for part in refusals.parts} == {"iccid", "firmware"}
