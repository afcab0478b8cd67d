"""What every decoder owes to any bytes: readings, events, or one reason with its place."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_bridge import decoders
from broker_bridge.decoders import Said, Undecodable
from deploy.bench import cases
from deploy.bench.cases import RECEIVED_US
from registry.codecs import CODECS
from tests.broker_bridge.test_codec_cases import CASES

FRAMES = [codec for codec in CODECS if "lenient" in CODECS[codec]]
GOOD = [
    case
    for case in CASES
    if case.parent.name in FRAMES
    and "undecodable" not in (case / "expected.json").read_text("utf-8")
    and not (case / "options.json").exists()
]
SEEDS = st.sampled_from([cases.read(case).payload for case in CASES])


def decoded(codec: str, payload: bytes, *, lenient: bool = False) -> Sequence[Said]:
    """What the codec makes of it."""
    decode = decoders.find(codec)
    assert decode is not None
    return decode(payload, RECEIVED_US, {"lenient": True} if lenient else {})


def holds_together(each: Sequence[Said]) -> None:
    """Somebody says something, in values that can be stored."""
    assert each
    for said in each:
        for reading in said.readings:
            assert all(type(value) in (int, float, bool, str) for value in reading.values.values())
        for event in said.events:
            assert event.code
            assert "\0" not in (event.text or "") + (event.data or "")
        for part in said.fragments:
            assert 1 <= part.number <= part.of


@pytest.mark.parametrize("codec", CODECS)
@given(payload=st.binary(max_size=120) | st.builds(bytes.__add__, SEEDS, st.binary(max_size=20)))
def test_any_bytes_are_read_or_refused_at_a_place(codec: str, payload: bytes) -> None:
    """Nothing but `Undecodable` is raised, strict and lenient, and its place lies in the bytes."""
    for lenient in (False, True):
        try:
            each = decoded(codec, payload, lenient=lenient)
        except Undecodable as error:
            place = error.position
        else:
            place = 0
            holds_together(each)

        assert place is not None
        assert 0 <= place <= len(payload)


@pytest.mark.parametrize("case", GOOD, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_flipped_byte_is_refused_or_tolerated_openly(case: Path) -> None:
    """Each byte of a good frame in turn: these formats have a check, and it finds one byte."""
    payload = cases.read(case).payload
    good = decoded(case.parent.name, payload)
    for k in range(len(payload)):
        changed = bytearray(payload)
        changed[k] ^= 0x01
        with suppress(Undecodable):
            read = decoded(case.parent.name, bytes(changed))
            # What stands before a frame (wake-up bytes, line ends) is not in its check.
            assert read == good or payload[k] in b"\xfe\r\n"


@pytest.mark.parametrize("case", GOOD, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_frames_are_glued_and_split_at_each_place(case: Path) -> None:
    """Two frames in one payload say both; a piece of one says nothing, or as much as it holds."""
    codec, payload = case.parent.name, cases.read(case).payload
    good = list(decoded(codec, payload))

    assert list(decoded(codec, payload + payload)) == good + good
    for k in range(1, len(payload)):
        with suppress(Undecodable):
            piece = list(decoded(codec, payload[:k]))
            assert piece == good[: len(piece)]
