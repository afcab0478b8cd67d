"""Readings in JSON: every form of the contract, every bad input, and any bytes at all."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker_bridge import decoders
from broker_bridge.decoders import Decoded, RefusedPart, Undecodable
from broker_bridge.decoders.json import _read
from telemetry.model import Reason

CASES = sorted(path.parent for path in Path("tests/cases/json").glob("*/payload"))
RECEIVED_US = 1_790_000_000_000_000
NAMES = st.text(min_size=1, max_size=8) | st.sampled_from(["ts", "seq", "values", "a:b", "v"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([2**63 - 1, 2**63, 2**64, -(2**63), 1e19, -1e19, "12:30", "\0"])
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)
)


def decode(payload: bytes) -> tuple[list[Decoded], list[RefusedPart]]:
    """What the codec of the profiles makes of a payload."""
    decoder = decoders.find("json")
    assert decoder is not None
    (said,) = decoder(payload, RECEIVED_US, {})
    return list(said.readings), list(said.refused)


def refusal(payload: bytes) -> Undecodable | None:
    """Why nothing of a payload can be taken, None if something can."""
    try:
        decode(payload)
    except Undecodable as undecodable:
        return undecodable
    return None


def told(readings: list[Decoded], refused: list[RefusedPart]) -> dict[str, Any]:
    """A decoder's answer as the cases write it; details may change their words."""
    parts = [part._asdict() for part in refused]
    for part in parts:
        assert part.pop("detail")
    return {"readings": [reading._asdict() for reading in readings], "refused": parts}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_a_case_is_decoded_as_expected(case: Path) -> None:
    """`tests/cases/json/<name>/{payload,expected.json}`, types and signs of zero included."""
    answer = told(*decode((case / "payload").read_bytes()))
    expected = json.loads((case / "expected.json").read_text("utf-8"))

    assert answer == expected
    assert repr(answer["readings"]) == repr(expected["readings"])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"x",
        b"hello",
        b"{",
        b'{"voltage_a": 231.2',
        b'{"voltage_a": 231.2}}',
        b'{"voltage_a": 231.2} x',
        b'{"voltage_a": 231.2,}',
        b"{'voltage_a': 231.2}",
        b'{"voltage_a": 0231}',
        b'{"voltage_a": +1}',
        b'{"voltage_a": 1.}',
        b'{"voltage_a": 231,2}',
        b"// comment\n{}",
        b"\xef\xbb\xbf" + b'{"voltage_a": 231.2}',
        '{"voltage_a": 231.2}'.encode("utf-16"),
        '{"voltage_a": 231.2}'.encode("utf-16-le"),
        '{"note": "停电"}'.encode("gb18030"),
        b'{"note": "\xff"}',
        b'{"note": "\xed\xa0\x80"}',
        b'{"note": "\\ud800"}',
        b'{"note": "\\udc00\\ud800"}',
        b'{"note": "a\x00b"}',
        b'{"note": "a\nb"}',
        b'{"voltage_a": NaN}',
        b'{"voltage_a": -Infinity}',
        b'{"voltage_a": 1e400}',
        b'{"voltage_a": 1' + b"0" * 1000 + b"}",
        b"1",
        b"null",
        b'"text"',
        b"[]",
    ],
)
def test_what_is_not_a_document_of_ours_is_malformed(payload: bytes) -> None:
    """Truncated, trailing, other encodings, no JSON, beyond any double (B10, B11, B13)."""
    undecodable = refusal(payload)
    if undecodable is not None:
        assert undecodable.reason is Reason.MALFORMED
    else:
        readings, refused = decode(payload)
        assert (readings, [part.reason for part in refused]) == ([], [Reason.MALFORMED])


@pytest.mark.parametrize(
    "payload",
    [
        b'{"voltage_a": 1, "voltage_a": 2}',
        b'{"voltage_a": 1, "voltage_a": 1}',
        b'{"voltage_a": 1, "volt\\u0061ge_a": 2}',
        b'{"ts": 1790000000000, "ts": 1790000000001, "values": {"voltage_a": 1}}',
        b'{"ts": 1790000000000, "values": {"voltage_a": 1}, "values": {"voltage_a": 2}}',
        b'{"ts": 1790000000000, "seq": 1, "values": {"voltage_a": 1, "voltage_a": 2}}',
        b'{"ts": "2026-09-21T14:13:20Z", "values": {"voltage_a": 1, "voltage_a": 2}}',
        b'{"values": {"note": "\\u003a", "voltage_a": 1, "voltage_a": 2}}',
        b'{"values": {"note": "a:b", "voltage_a": 1, "voltage_a": null}}',
        b'[{"voltage_a": 1}, {"voltage_b": 1, "voltage_b": 2}]',
        b'{"values": {"nested": {"a": 1, "a": 2}, "voltage_a": 1}}',
    ],
)
def test_a_key_that_stands_twice_refuses_the_message(payload: bytes) -> None:
    """Parsers differ in which one counts, so neither does, wherever and however written (B12)."""
    undecodable = refusal(payload)

    assert undecodable is not None
    assert undecodable.reason is Reason.MALFORMED
    assert undecodable.detail.endswith(" stands twice")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"a":' + b" " * (65_536 - 7) + b"1}", None),
        (b'{"a":' + b" " * (65_536 - 6) + b"1}", Reason.TOO_LARGE),
        (b'{"a": "' + b"x" * 100_000_000 + b'"}', Reason.TOO_LARGE),
        (b"[" + b"0," * 9_999 + b"0]", None),
        (b"[" + b"0," * 10_000 + b"0]", Reason.TOO_LARGE),
        (b"[" * 10_000 + b"]" * 10_000, Reason.MALFORMED),
        (b'{"a":' * 900 + b"1" + b"}" * 900, Reason.MALFORMED),
        (b'{"values": {"a":' + b"[" * 17 + b"]" * 17 + b"}}", Reason.MALFORMED),
        (b"[" * 65_536, Reason.MALFORMED),
        (b"9" * 65_536, Reason.MALFORMED),
    ],
)
def test_size_and_nesting_are_bounded(payload: bytes, reason: Reason | None) -> None:
    """At the limit it is read, beyond it refused, and never with an error of ours (B10, B14)."""
    undecodable = refusal(payload)

    assert (undecodable and undecodable.reason) == reason


@pytest.mark.parametrize("count", [1_000, 1_001])
@pytest.mark.parametrize("form", ["flat", "values", "timed"])
def test_the_values_of_a_reading_are_bounded(count: int, form: str) -> None:
    """A thousand metrics are taken, one more is too large, for that reading alone (B14)."""
    values: dict[str, Any] = {f"m{n}": n for n in range(count)}
    item = {
        "flat": values,
        "values": {"values": values},
        "timed": {"ts": 1_790_000_000, "values": values},
    }[form]
    readings, refused = decode(json.dumps([item, {"voltage_a": 1}]).encode())

    assert [len(reading.values) for reading in readings] == ([count, 1] if count == 1_000 else [1])
    assert [part.reason for part in refused] == ([] if count == 1_000 else [Reason.TOO_LARGE])


def test_a_name_of_any_length_is_told_in_short() -> None:
    """A refused part's metric and detail are fit for a page and a log (B14, B41)."""
    payload = json.dumps({"x" * 60_000: [], "a\r\n\x1b[31m\0": {}}).encode()
    _, (long, wild) = decode(payload)

    assert long.metric == "x" * 40 + "..."
    assert wild.metric == r"a\r\n\x1b[31m\x00"


@pytest.mark.parametrize(
    "ts",
    [
        "true",
        "[]",
        "{}",
        '""',
        '"1790000000000"',
        '"yesterday"',
        '"2026-09-21"',
        '"2026-09-21T14:13:20"',
        '"2026-09-21T14:13Z"',
        '"20260921T141320Z"',
        '"2026-W39-1T14:13:20Z"',
        '"2026-09-21T24:00:00Z"',
        '"2026-09-21T14:13:61Z"',
        '"2026-02-30T14:13:20Z"',
        '"0000-01-01T00:00:00Z"',
        '"2026-09-21T14:13:20+0800"',
        '"2026-09-21T14:13:20+08:60"',
        '"2026-09-21T14:13:20+24:00"',
        '"2026-09-21T14:13:20 +08:00"',
        '"2026-09-21T14:13:20,5Z"',
        '"2026-09-21T14:13:20Z "',
        '"２０２６-09-21T14:13:20Z"',
        "1790000000000000",
        "1790000000000000000",
        "1e300",
        "-1e17",
    ],
)
def test_a_wrong_time_refuses_its_reading(ts: str) -> None:
    """Malformed, without an offset, in us or ns: nothing is stored at the wrong time (B17)."""
    payload = f'[{{"ts": {ts}, "seq": 8, "values": {{"a": 1}}}}, {{"a": 2}}]'.encode()
    readings, refused = decode(payload)

    assert [reading.values for reading in readings] == [{"a": 2}]
    assert [part[:4] for part in refused] == [(0, 8, None, Reason.MALFORMED)]


@pytest.mark.parametrize(
    ("seq", "accepted"),
    [
        ("0", 0),
        ("1", 1),
        ("4294967296", 2**32),
        ("9223372036854775807", 2**63 - 1),
        ("null", None),
        ("9223372036854775808", False),
        ("-1", False),
        ("1.0", False),
        ("true", False),
        ('"1"', False),
        ("[1]", False),
    ],
)
def test_a_wrong_number_of_a_message_is_refused_alone(seq: str, accepted: int | None) -> None:
    """The values are good without it; a message that cannot be counted is told (B18)."""
    payload = f'{{"ts": 1790000000000, "seq": {seq}, "values": {{"a": 1}}}}'.encode()
    ((time_us, number, _, _, values),), refused = decode(payload)

    assert (time_us, values) == (RECEIVED_US, {"a": 1})
    assert number == (None if accepted is False else accepted)
    wrong = [(0, None, "seq", Reason.MALFORMED)] if accepted is False else []
    assert [part[:4] for part in refused] == wrong


@given(values=st.dictionaries(st.text(), SCALARS, min_size=1, max_size=6), escape=st.booleans())
def test_values_come_back_as_they_were_written(values: dict[str, Any], escape: bool) -> None:
    """What can be stored is stored unrounded with its type; the rest is refused by name."""
    item = {"ts": 1_790_000_000_000, "values": values}
    readings, refused = decode(json.dumps(item, ensure_ascii=escape).encode())
    good = {name: value for name, value in values.items() if is_storable(value)}
    bad = [name for name, value in values.items() if name not in good and value is not None]

    assert repr([reading.values for reading in readings]) == repr([good] if good else [])
    assert len(refused) == len(bad) or (len(refused) == 1 and not good and not bad)


def is_storable(value: object) -> bool:
    """Whether a decoder may hand this value on."""
    if type(value) is int:
        return -(2**63) <= value < 2**63
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is bool or (type(value) is str and "\0" not in value)


def check_any(payload: bytes) -> None:
    """What holds of every answer, whatever the bytes."""
    undecodable = refusal(payload)
    if undecodable is not None:
        assert 0 < len(undecodable.detail) < 300
        assert "\0" not in undecodable.detail
        return
    readings, refused = decode(payload)
    assert readings or refused
    assert len(readings) + len(refused) <= len(payload)
    for time_us, seq, boot, first_kept, values in readings:
        assert time_us is None or abs(time_us) < 2**63
        assert seq is None or 0 <= seq < 2**63
        assert first_kept is None or 0 <= first_kept < 2**63
        assert boot is None or 0 < len(boot) <= 64
        assert values
        assert all(map(is_storable, values.values()))
    for part in refused:
        assert 0 < len(part.detail) < 300
        assert "\0" not in part.detail + (part.metric or "")


@given(payload=st.binary())
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    """Never another error than `Undecodable`, never an answer that says nothing."""
    check_any(payload)


@given(
    document=DOCUMENTS
    | st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "ts": SCALARS | st.integers(1, 10**14),
                "seq": SCALARS,
                "boot": SCALARS,
                "from": SCALARS,
                "values": DOCUMENTS,
                "voltage_a": SCALARS,
            },
        )
    ),
    at=st.integers(0, 200),
    graft=st.binary(max_size=3),
    cut=st.integers(0, 3),
)
def test_any_document_is_read_or_refused_whole_or_spoilt(
    document: Any, at: int, graft: bytes, cut: int
) -> None:
    """JSON of any form, and the same with some bytes put in or taken out."""
    payload = json.dumps(document, ensure_ascii=False).encode()
    check_any(payload)
    check_any(payload[:at] + graft + payload[at + cut :])


PAIRS = st.lists(
    st.tuples(
        st.sampled_from(['"a"', '"b"', '"a:"', '"\\u0061"', '"ts"', '"values"']),
        st.sampled_from(["1", "null", '":"', '"\\u003a"', '"a:b:c"', "[1]", "1e19", "{}"]),
    ),
    max_size=5,
).map(lambda pairs: "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}")


@given(text=st.lists(PAIRS, min_size=1, max_size=3).map(lambda found: f"[{','.join(found)}]"))
@example('[{"values":{"a":1,"a":2}}]')
@example('[{"a":":","b":1,"a":"1"}]')
def test_a_repeated_key_is_found_whatever_stands_around_it(text: str) -> None:
    """Counting colons agrees with looking at every pair."""
    twice = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        twice.append(len({name for name, _ in pairs}) < len(pairs))

    json.loads(text, object_pairs_hook=look)
    undecodable = refusal(text.encode())

    assert (undecodable is not None) == any(twice)
    assert undecodable is None or undecodable.detail.endswith(" stands twice")


@given(
    items=st.lists(
        st.fixed_dictionaries(
            {"values": st.dictionaries(NAMES, st.floats(-1e9, 1e9) | st.integers(), min_size=1)},
            optional={"ts": st.integers(10**9, 10**15), "seq": st.integers(-1, 2**64)},
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_short_way_and_the_long_way_say_the_same(items: list[dict[str, Any]]) -> None:
    """The quick path for plain messages takes nothing that the careful one would not."""
    quick = decode(json.dumps(items, ensure_ascii=False).encode())

    careful = _read(items)
    assert repr(quick) == repr((careful.readings, careful.refused))
