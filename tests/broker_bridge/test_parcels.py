"""What is packed comes back as it was, and what was damaged is told from what was not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_bridge.parcels import ParcelDamaged, pack, sender, senders, unpack
from broker_bridge.session import Delivery

TOPICS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
DELIVERIES = st.lists(
    st.builds(
        Delivery,
        topic=TOPICS,
        payload=st.binary(max_size=300),
        qos=st.integers(0, 2),
        duplicate=st.booleans(),
        received_us=st.integers(-(2**62), 2**62),
        epoch=st.just(7),
        packet_id=st.just(9),
    ),
    min_size=1,
    max_size=20,
)


def said(deliveries: list[Delivery]) -> list[tuple[object, ...]]:
    """What outlives the connection."""
    return [(d.topic, d.payload, d.qos, d.duplicate, d.received_us) for d in deliveries]


@given(DELIVERIES)
def test_a_parcel_gives_back_what_was_packed(deliveries: list[Delivery]) -> None:
    """Any topic and any bytes, in order, of no connection any more."""
    parcel = pack(deliveries)
    unpacked = unpack(parcel)

    assert said(list(unpacked.deliveries)) == said(deliveries)
    assert unpacked.damaged == frozenset()
    assert {(d.epoch, d.packet_id) for d in unpacked.deliveries} == {(0, None)}
    assert parcel.first_received_us == min(d.received_us for d in deliveries)
    assert senders(parcel.topics) == {sender(d.topic) for d in deliveries}


@given(DELIVERIES, st.data())
def test_one_wrong_byte_costs_one_message_at_most(
    deliveries: list[Delivery], data: st.DataObject
) -> None:
    """In a payload it costs that message; in the head the parcel is refused, never misread."""
    parcel = pack(deliveries)
    part = data.draw(st.sampled_from(["topics", "heads", "payloads"]))
    content = bytearray(getattr(parcel, part))
    if not content:
        return
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = replace(parcel, **{part: bytes(content)})  # type: ignore[arg-type]

    if part == "payloads":
        unpacked = unpack(damaged)
        assert len(unpacked.damaged) == 1
        whole = [d for d in unpacked.deliveries if d not in unpacked.damaged]
        assert set(said(whole)) <= set(said(deliveries))
        assert len(whole) == len(deliveries) - 1
    else:
        with pytest.raises(ParcelDamaged):
            unpack(damaged)


def test_a_terminals_channels_have_one_sender() -> None:
    """What it says on any of them stays in order."""
    topics = ("m2m/v1/T-1/telemetry", "m2m/v1/T-1/event")

    assert {sender(topic) for topic in topics} == {"m2m/v1/T-1"}
