"""The fuzzing run makes the same inputs again, and finds what breaks a promise."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from broker_bridge import decoders
from broker_bridge.decoders import Decoded, Options, Said, Undecodable
from broker_bridge.decoders.decoded import Decode
from deploy.bench import cases, fuzz
from deploy.bench.damage import SEALS, WAYS, Input, made
from deploy.bench.fuzz import Broken, Plan
from registry.codecs import CODECS
from telemetry.model import Reason

FRAMES = cases.all_readable()
GIVEN = Input(7, "json", "as good", b"payload", {})


def test_an_input_depends_on_seed_and_number_alone() -> None:
    """So that a failing one can be made again by itself; another seed makes others."""
    assert [made(3, n, FRAMES) for n in range(60)] == [made(3, n, FRAMES) for n in range(60)]
    assert made(3, 50, FRAMES) == [made(3, n, FRAMES) for n in range(60)][50]
    assert made(4, 50, FRAMES) != made(3, 50, FRAMES)


def test_every_codec_and_every_way_has_its_turn() -> None:
    """Within a few thousand inputs, with options too."""
    inputs = [made(1, n, FRAMES) for n in range(3_000)]

    assert {given.codec for given in inputs} == set(CODECS)
    assert {given.way.split(", ")[0] for given in inputs} == set(WAYS)
    assert {name for given in inputs for name in given.options} == {"text", "lenient", "speakers"}


@pytest.mark.parametrize("codec", SEALS)
def test_a_frame_that_is_opened_and_sealed_is_read_as_before(codec: str) -> None:
    """Strictly: the check was put right again, or most damage would not get behind it."""
    opened, sealed = SEALS[codec]
    decode = decoders.find(codec)
    assert decode is not None
    plain = [case for case in FRAMES[codec] if not case.options and len(case.decoded(codec)) == 1]
    for case in plain:
        again = decode(sealed(opened(case.payload)), cases.RECEIVED_US, {})
        assert list(again) == list(case.decoded(codec)), case.name
    assert plain


def test_the_decoders_keep_their_promises(tmp_path: Path) -> None:
    """A few thousand inputs of the run, on which a million were made."""
    result = fuzz.run(Plan(inputs=3_000, seed=3314), lambda _: None, tmp_path)

    assert result["failures"] == []
    assert sum(sum(counts.values()) for counts in result["codecs"].values()) == 3_000
    assert list(tmp_path.iterdir()) == []


def saying(value: float | str) -> Decode:
    """A decoder of one reading."""

    def decode(payload: bytes, received_us: int, options: Options) -> Sequence[Said]:
        return [Said([Decoded(None, None, None, None, {"a": value})], ())]

    return decode


def refusing(position: int | None) -> Decode:
    """A decoder that takes nothing."""

    def decode(payload: bytes, received_us: int, options: Options) -> Sequence[Said]:
        raise Undecodable(Reason.MALFORMED, "no", position)

    return decode


def failing(payload: bytes, received_us: int, options: Options) -> Sequence[Said]:
    """A decoder with a mistake."""
    return [Said([], ())][payload[0] :]


def endless(payload: bytes, received_us: int, options: Options) -> Sequence[Said]:
    """A decoder that does not come back."""
    while True:
        pass


@pytest.mark.parametrize(
    ("decode", "why"),
    [
        (saying(float("nan")), "a value is nan"),
        (saying(2**63), "a value is 9223372036854775808"),
        (saying("\0"), "cannot be stored"),
        (refusing(None), "byte None of 7"),
        (refusing(8), "byte 8 of 7"),
        (failing, "nobody says anything"),
        (endless, "7 bytes took more than 0.050 s"),
    ],
)
def test_a_broken_promise_is_found(decode: Decode, why: str) -> None:
    """Whatever it is."""
    with pytest.raises(Broken, match=why):
        fuzz.judged(decode, GIVEN)


def test_a_promise_that_is_kept_is_told_by_its_outcome() -> None:
    """Readings, or the reason of the refusal."""
    assert fuzz.judged(saying(1.5), GIVEN)[0] == "readings"
    assert fuzz.judged(refusing(7), GIVEN)[0] == "refused: malformed"


def test_what_fails_is_kept_as_a_case(tmp_path: Path) -> None:
    """The bytes, the options, and the command that makes it again."""
    fuzz.kept(Input(7, "jt808", "cut", b"\x7e", {"lenient": True}), 9, "why", tmp_path)
    folder = tmp_path / "jt808" / "fuzz_9_7"

    assert (folder / "payload.hex").read_text() == "7e\n"
    assert '"lenient": true' in (folder / "options.json").read_text()
    assert "--seed 9 --first 7 --inputs 1" in (folder / "source.txt").read_text()
