"""Events in JSON: what is taken, what is refused, and any bytes at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_bridge.decoders import (
    DecodedEvent,
    RefusedPart,
    Undecodable,
    decode_events,
)
from registry.conditions import SEVERITIES
from telemetry.model import Reason

RECEIVED_US = 1_790_000_000_000_000
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)
)


def events_of(payload: bytes) -> tuple[list[DecodedEvent], list[RefusedPart]]:
    """What is taken and what is refused of a payload."""
    return decode_events(payload, RECEIVED_US)


def is_undecodable(payload: bytes) -> bool:
    """Whether nothing of a payload can be taken."""
    try:
        events_of(payload)
    except Undecodable:
        return True
    return False


def test_an_event_is_read_with_all_it_says() -> None:
    """Every field; `data` as JSON text, with its numbers as they were written."""
    payload = (
        b'{"ts": 1790000000000, "seq": 4, "boot": "b", "from": 2, "code": "1130/E.01",'
        b' "severity": "critical", "text": "\xe9\x97\xa8", "data": {"zone": 3, "n": 1'
        + b"0" * 30
        + b"}}"
    )
    expected = DecodedEvent(
        RECEIVED_US, 4, "b", 2, "1130/E.01", "critical", "门", '{"zone":3,"n":1' + "0" * 30 + "}"
    )

    assert events_of(payload) == ([expected], [])


def test_an_event_may_say_no_more_than_its_code() -> None:
    """Untimed, of indeterminate severity (X.733); null is the same as absent."""
    bare = DecodedEvent(None, None, None, None, "tamper", "indeterminate", None, None)
    absent = b'{"ts": null, "code": "tamper", "severity": null, "text": null, "data": null}'

    assert events_of(b'[{"code": "tamper"}, ' + absent + b"]") == ([bare, bare], [])


def test_every_severity_is_taken() -> None:
    """Those of X.733, in their order."""
    payload = json.dumps([{"code": "a", "severity": severity} for severity in SEVERITIES]).encode()

    assert [event.severity for event in events_of(payload)[0]] == list(SEVERITIES)


@pytest.mark.parametrize(
    "event",
    [
        "17",
        "{}",
        '{"text": "no code"}',
        '{"code": ""}',
        '{"code": 1130}',
        '{"code": "two words"}',
        '{"code": "-x"}',
        '{"code": "a\\n"}',
        '{"code": "门"}',
        '{"code": "' + "x" * 65 + '"}',
        '{"code": "a", "severity": "bad"}',
        '{"code": "a", "severity": 1}',
        '{"code": "a", "severity": ["major"]}',
        '{"code": "a", "text": 1}',
        '{"code": "a", "text": "\\u0000"}',
        '{"code": "a", "data": []}',
        '{"code": "a", "data": "x"}',
        '{"code": "a", "data": {"x": ["\\u0000"]}}',
        '{"code": "a", "data": {"\\u0000": 1}}',
        '{"ts": "2026-09-21T14:13:20", "code": "a"}',
        '{"ts": 1790000000000000, "code": "a"}',
    ],
)
def test_a_wrong_event_is_refused_and_its_neighbours_are_not(event: str) -> None:
    """Also what PostgreSQL would not take in text or jsonb (B15)."""
    events, refused = events_of(f'[{{"code": "good"}}, {event}]'.encode())

    assert [event.code for event in events] == ["good"]
    assert [(part.position, part.metric, part.reason) for part in refused] == [
        (1, None, Reason.MALFORMED)
    ]


def test_an_unknown_field_is_refused_alone() -> None:
    """Nothing that a terminal says is dropped in silence."""
    events, refused = events_of(b'{"code": "a", "seq": 3, "zone": 7}')

    assert [event.code for event in events] == ["a"]
    assert [part[:4] for part in refused] == [(0, 3, "zone", Reason.MALFORMED)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{",
        b'{"code": "a"} x',
        b'{"code": "a", "code": "b"}',
        b'{"code": "a", "data": {"x": 1, "x": 2}}',
        b'{"code": "a", "data": {"x": NaN}}',
        b'{"code": "a", "data": {"x":' + b"[" * 20 + b"]" * 20 + b"}}",
        b'{"code": "a", "text": "' + b"x" * 65_536 + b'"}',
    ],
)
def test_a_payload_that_is_no_document_is_undecodable(payload: bytes) -> None:
    """As strict as with readings (B10 to B14)."""
    assert is_undecodable(payload)


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "ts": SCALARS,
    "seq": SCALARS,
    "severity": st.sampled_from([*SEVERITIES, "bad"]) | SCALARS,
    "text": SCALARS,
    "data": DOCUMENTS,
}


@given(
    payload=st.binary()
    | st.lists(
        st.fixed_dictionaries({"code": st.text("ab-", max_size=3) | SCALARS}, optional=FIELDS)
        | DOCUMENTS
    ).map(lambda items: json.dumps(items).encode())
)
def test_any_bytes_are_events_or_refused(payload: bytes) -> None:
    """Never another error than `Undecodable`, and what is taken can be stored."""
    if is_undecodable(payload):
        return
    events, refused = events_of(payload)
    assert events or refused
    for event in events:
        assert event.severity in SEVERITIES
        assert "\0" not in (event.text or "")
        assert "\0" not in str(json.loads(event.data or "{}"))
