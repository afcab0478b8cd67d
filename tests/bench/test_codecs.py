"""The codec benchmark counts what it decodes, on frames that are read without refusal."""

from pathlib import Path

import pytest

from broker_bridge import decoders
from deploy.bench import cases, codecs
from deploy.bench.cases import RECEIVED_US, Case, CasesMissing
from deploy.bench.codecs import Contender, Plan
from registry.codecs import CODECS


@pytest.mark.parametrize("codec", CODECS)
def test_the_frames_are_those_that_are_read(codec: str) -> None:
    """Each says something, and nothing of it is refused."""
    decode = decoders.find(codec)
    assert decode is not None
    for case in cases.readable(codec):
        said = decode(case.payload, RECEIVED_US, case.options)
        assert said
        assert not any(one.refused for one in said)


def test_a_turn_counts_what_was_said() -> None:
    """Two frames of three metrics and one, five times: twenty values in ten readings."""
    frames = [Case("a", b'{"a":1,"b":2,"c":3}', {}), Case("b", b'{"a":1}', {})]
    turn = codecs.measure(Contender("both", "json", frames), 9, 1)

    assert (turn.messages, turn.readings, turn.values, turn.events) == (10, 10, 20, 0)
    assert turn.us > 0


def test_every_codec_has_its_figure_against_the_yardstick() -> None:
    """One ratio a codec, each of as many rounds as were asked for."""
    result = codecs.run(Plan(rounds=2, messages=100), lambda _: None)

    assert [figure["goal"] for figure in result["figures"]] == list(CODECS)
    assert len(result["turns"]) == 2 * (1 + len(CODECS))
    yardstick = [turn for turn in result["turns"] if turn["who"] == codecs.YARDSTICK]
    assert {turn["values"] / turn["messages"] for turn in yardstick} == {4.0}


def test_without_cases_it_says_that_this_is_no_checkout(tmp_path: Path) -> None:
    """In a sentence, not by a figure of nothing."""
    with pytest.raises(CasesMissing, match="no readable case of dlt645"):
        codecs.run(Plan(rounds=1, messages=100), lambda _: None, tmp_path)
