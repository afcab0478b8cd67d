"""Where something stands in a JSON text, whatever stands before it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_bridge.decoders import Undecodable, places
from broker_bridge.decoders.document import exactly, load
from broker_bridge.decoders.senml import decode_cbor, decode_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(items=st.lists(VALUES, min_size=1, max_size=6), data=st.data(), spaced=st.booleans())
def test_an_item_of_a_list_is_found_where_it_was_written(
    items: list[object], data: st.DataObject, spaced: bool
) -> None:
    """With and without blanks, and whatever brackets and commas its texts have."""
    index = data.draw(st.integers(0, len(items) - 1))
    comma = " ,\n" if spaced else ","
    written = [json.dumps(item, ensure_ascii=False) for item in items]
    before = "".join(text + comma for text in written[:index])
    payload = f"[{comma.join(written)}]".encode()

    assert places.of_item(payload, index) == 1 + len(before.rstrip("\n").encode()) + (
        1 if spaced and index else 0
    )
    assert places.of_item(payload, len(items)) == 0


@pytest.mark.parametrize(
    ("payload", "position"),
    [
        (b'{"a": 1, "a": 2}', 9),
        (b'[{"a": 1}, {"a": 1, "b": ":", "b": 2}]', 30),
        (b'{"a": {"a": 1}, "\\u0061": 2}', 16),
        (b"[" * 20 + b"]" * 20, 16),
        (b'{"a":"[[[["' + b',"b":' + b"[" * 20 + b"]" * 20 + b"}", 31),
    ],
)
def test_what_is_wrong_in_a_document_has_its_byte(payload: bytes, position: int) -> None:
    """A key that stands twice, escaped or not; the first bracket too many."""
    with pytest.raises(Undecodable) as caught:
        exactly(payload, load(payload))
    assert caught.value.position == position


def test_a_wrong_record_of_a_pack_has_its_byte() -> None:
    """In JSON and in CBOR, whatever records stand before it."""
    with pytest.raises(Undecodable) as caught:
        decode_json(b'[{"n":"a","v":1}, {"n":"b","v":2}, 7]', 0, {})
    assert caught.value.position == 35
    with pytest.raises(Undecodable) as caught:
        decode_cbor(bytes.fromhex("83a20061610201a200616202020 7".replace(" ", "")), 0, {})
    assert caught.value.position == 13
