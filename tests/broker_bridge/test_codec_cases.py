"""Frames of other people's, whatever the codec: `tests/cases/<codec>/<name>/`, one folder a case.

`payload` (or `payload.hex`) is decoded with the options of `options.json`, if there is one, and
compared with `expected.json`; `source.txt` says whose it is, and under which licence.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from broker_bridge import decoders
from broker_bridge.decoders import Said, Undecodable
from deploy.bench import cases
from registry.codecs import CODECS

CASES = sorted(
    path.parent
    for codec in CODECS
    for path in Path("tests/cases", codec).glob("*/expected.json")
    if codec != "json"  # has more to compare: see test_json
)


def told(each: Sequence[Said]) -> list[dict[str, Any]]:
    """A decoder's answer as the cases write it: what is empty is left out, details are words."""
    answers = []
    for said in each:
        answer = {
            "speaker": said.speaker and str(said.speaker),
            "readings": [{"time_us": one.time_us, "values": one.values} for one in said.readings],
            "events": [
                {name: value for name, value in event._asdict().items() if value is not None}
                for event in said.events
            ],
            "refused": [f"{part.position} {part.metric}: {part.reason}" for part in said.refused],
            "missing": [one.metric for one in said.missing],
            "tolerated": list(said.tolerated),
        }
        answers.append({name: value for name, value in answer.items() if value})
    return answers


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_case_is_decoded_as_expected(case: Path) -> None:
    """Readings, events, speakers; or why nothing of it can be taken, and from which byte on."""
    try:
        answer: object = told(cases.read(case).decoded(case.parent.name))
    except Undecodable as error:
        answer = {"undecodable": error.reason, "position": error.position}

    assert json.loads((case / "expected.json").read_text("utf-8")) == answer
    assert (case / "source.txt").read_text("utf-8").strip()


def test_there_is_a_decoder_for_each_codec_a_profile_may_name() -> None:
    """And for no other."""
    assert {codec for codec in [*CODECS, "xml"] if decoders.find(codec)} == set(CODECS)
