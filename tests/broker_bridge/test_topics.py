"""The grammar of topics: what is ours, whose it is, and that nothing else gets through."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker_bridge import topics
from broker_bridge.topics import Address, Channel

CODE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
CODES = st.text(CODE_LETTERS, min_size=1, max_size=64)
PREFIXES = st.lists(st.text("abcXYZ019.()*^$[]-", min_size=1, max_size=6), min_size=1, max_size=3)


@given(prefix=PREFIXES.map("/".join), code=CODES, channel=st.sampled_from(Channel))
def test_every_code_and_channel_is_read_back(prefix: str, code: str, channel: Channel) -> None:
    """The prefix is taken literally, whatever it may mean in a regular expression."""
    assert topics.parse(prefix, f"{prefix}/{code}/{channel}") == Address(code, channel)


@given(
    topic=st.text()
    | st.lists(
        st.sampled_from(["m2m", "v1", "T-1", "telemetry", "event", "", "+", "#", "$SYS", "\0"])
    ).map("/".join)
)
@example("m2m/v1/T-1/telemetry\n")
def test_any_text_is_an_address_or_none(topic: str) -> None:
    """An address says the whole topic; everything else is None, and never an error."""
    address = topics.parse("m2m/v1", topic)

    assert address is None or f"m2m/v1/{address.code}/{address.channel}" == topic
    assert address is None or (set(address.code) <= set(CODE_LETTERS) and len(address.code) <= 64)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "m2m/v1",
        "m2m/v1/T-1",
        "m2m/v1/T-1/",
        "m2m/v1//telemetry",
        "m2m/v1/T-1/telemetry/",
        "m2m/v1/T-1/telemetry/more",
        "/m2m/v1/T-1/telemetry",
        "m2m/v2/T-1/telemetry",
        "m2m/v1/T-1/Telemetry",
        "m2m/v1/T-1/command",
        "m2m/v1/T-1/receipt",
        "m2m/v1/" + "x" * 65 + "/telemetry",
        "m2m/v1/T 1/telemetry",
        "m2m/v1/T\0/telemetry",
        "m2m/v1/+/telemetry",
        "m2m/v1/#",
        "m2m/v1/电表/telemetry",
        "m2m/v1/Ｔ１/telemetry",
        "m2m/v1/٣/telemetry",
        "m2m/v1/T-1\ufeff/telemetry",
        "$SYS/broker/uptime",
        "/" * 1000,
        "m2m/v1/" + "a" * 65_535,
    ],
)
def test_a_topic_that_is_not_ours_has_no_address(topic: str) -> None:
    """Levels missing, added or empty, other letters, wildcards, another direction (B5, B6)."""
    assert topics.parse("m2m/v1", topic) is None


def test_the_subscriptions_bring_every_channel_and_nothing_else() -> None:
    """One filter a channel, so that what goes down to the terminals does not come back."""
    assert topics.filters("m2m/v1") == [
        "m2m/v1/+/telemetry",
        "m2m/v1/+/event",
        "m2m/v1/+/hello",
        "m2m/v1/+/status",
        "m2m/v1/+/reply",
        "m2m/v1/+/reported",
    ]


def test_a_group_shares_the_same_filters() -> None:
    """Each message comes to one member of the group."""
    shared = topics.filters("m2m/v1", "bridges")

    assert shared == [f"$share/bridges/{one}" for one in topics.filters("m2m/v1")]
