"""Who sends more than allowed is refused beyond that, and nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_bridge.flood import BURST_SECONDS, Flood, Rates
from registry.model import TerminalId, TerminalRef, TerminalState
from tests.broker_bridge.running import Bridge, Publisher, read
from tests.conftest import Database, TestBroker
from tests.country import METER, register, settled
from tests.telemetry.ground import execute

NOW_US = 1_790_000_000_000_000
SECOND_US = 1_000_000
SIZE = 100


def terminal(number: int, client_id: int | None = None) -> TerminalRef:
    """A terminal, perhaps of a client."""
    code = f"M-{number}"
    return TerminalRef(TerminalId(number), code, METER, TerminalState.IN_SERVICE, None, client_id)


def admitted(flood: Flood, ref: TerminalRef, messages: int, seconds: float) -> int:
    """How many of so many messages, evenly within so many seconds, are taken."""
    return sum(
        flood.excess(ref, NOW_US + int(k * seconds * SECOND_US / messages), SIZE) is None
        for k in range(messages)
    )


def test_a_terminal_is_held_to_its_rate() -> None:
    """Two buckets at once at most, then as its rate lets be; another one notices nothing."""
    flood = Flood(10)
    burst = 2 * 10 * BURST_SECONDS
    at_once = admitted(flood, terminal(1), 5000, 0)
    others = admitted(flood, terminal(2), 100, 0)
    steady = Flood(10)
    in_a_minute = admitted(steady, terminal(5000), 60_000, 60)
    modest = admitted(Flood(10), terminal(1), 9 * 3600, 3600)

    assert at_once == burst
    assert others == 100
    assert burst < in_a_minute <= burst + 10 * 60
    assert modest == 9 * 3600


def test_what_was_used_up_comes_back() -> None:
    """A terminal that was refused is taken again as fast as its rate says."""
    flood = Flood(10)
    admitted(flood, terminal(1), 5000, 0)

    assert flood.excess(terminal(1), NOW_US + SECOND_US // 20, SIZE)
    assert flood.excess(terminal(1), NOW_US + 2 * SECOND_US, SIZE) is None
    later = [flood.excess(terminal(1), NOW_US + 2 * SECOND_US, SIZE) is None for _ in range(50)]
    assert sum(later) == 19


def test_a_client_is_held_to_its_tier() -> None:
    """All its terminals together, each of them within its own; a client without a bound is not."""
    flood = Flood(1000)
    flood.allow({7: Rates(100)})
    bound = [flood.excess(terminal(k % 500, 7), NOW_US, SIZE) for k in range(5000)]
    free = [flood.excess(terminal(600 + k % 500, 8), NOW_US, SIZE) for k in range(5000)]

    assert sum(said is None for said in bound) == 2 * 100 * BURST_SECONDS
    assert "tier's 100 messages/s" in (bound[-1] or "")
    assert free == [None] * 5000


def test_a_clock_that_was_set_back_refuses_nobody() -> None:
    """Who sends what it may sends on, and need not wait until the clock is there again."""
    flood = Flood(10)
    modest = terminal(1)
    before = [flood.excess(modest, NOW_US + k * SECOND_US, SIZE) for k in range(1000)]
    after = [flood.excess(modest, NOW_US + (k - 3600) * SECOND_US, SIZE) for k in range(1000)]
    too_much = [flood.excess(modest, NOW_US - 2600 * SECOND_US, SIZE) for _ in range(1000)]

    assert before == after == [None] * 1000
    assert sum(said is None for said in too_much) <= 2 * 10 * BURST_SECONDS


def test_a_client_whose_messages_come_out_of_the_spool_and_straight_is_not_refused() -> None:
    """Those that waited come with their own time, between those of now."""
    flood = Flood(1000)
    flood.allow({7: Rates(10)})
    straight, held = terminal(1, 7), terminal(2, 7)
    said = []
    for k in range(600):
        said.append(flood.excess(straight, NOW_US + k * SECOND_US // 4, SIZE))
        said.append(flood.excess(held, NOW_US + (k - 36_000) * SECOND_US // 10, SIZE))

    assert said == [None] * 1200


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2_000_000)), max_size=400),
    st.integers(1, 20),
)
def test_nobody_is_refused_below_the_rate_or_taken_far_above(
    steps: list[tuple[int, int]], rate: int
) -> None:
    """Whatever comes when: at least a bucket is taken, at most two and the rate times the time."""
    flood = Flood(rate)
    taken, came, now_us = [0] * 4, [0] * 4, NOW_US
    for number, pause_us in steps:
        now_us += pause_us
        came[number] += 1
        taken[number] += flood.excess(terminal(number + 1), now_us, SIZE) is None
    seconds = (now_us - NOW_US) / SECOND_US
    for number in range(4):
        assert taken[number] >= min(came[number], rate * BURST_SECONDS)
        assert taken[number] <= 2 * rate * BURST_SECONDS + rate * seconds + 1


def test_a_client_is_held_to_its_bytes() -> None:
    """Of large messages it may send few and of small ones many; who has no bound is not held."""
    large, small = Flood(100_000), Flood(100_000)
    for flood in (large, small):
        flood.allow({7: Rates(bytes=1000), 8: Rates(messages=100_000)})
    of_large = [large.excess(terminal(k % 50, 7), NOW_US, 500) for k in range(1000)]
    of_small = [small.excess(terminal(k % 50, 7), NOW_US, 5) for k in range(10_000)]
    free = [large.excess(terminal(60 + k % 50, 8), NOW_US, 500) for k in range(1000)]

    assert sum(said is None for said in of_large) == 2 * 1000 * BURST_SECONDS / 500
    assert sum(said is None for said in of_small) == 2 * 1000 * BURST_SECONDS / 5
    assert of_large[-1] == "its group client sends more than its tier's 1000 bytes/s"
    assert free == [None] * 1000


def test_a_message_larger_than_the_bucket_is_paid_for() -> None:
    """It is taken whole, and the client waits until it has earned what the message took."""
    flood = Flood(1000)
    flood.allow({7: Rates(bytes=10)})
    huge = [flood.excess(terminal(1, 7), NOW_US + k * SECOND_US, 1000) is None for k in range(1000)]

    assert sum(huge) == 2 + 10
    assert huge[:3] == [True, True, False]


def test_another_tier_begins_with_a_full_bucket() -> None:
    """Who used up what a large tier allows is not kept waiting by a smaller one."""
    flood = Flood(1000)
    flood.allow({7: Rates(bytes=10_000)})
    for _ in range(500):
        flood.excess(terminal(1, 7), NOW_US, 1000)
    flood.allow({7: Rates(bytes=100)})

    assert flood.excess(terminal(1, 7), NOW_US + SECOND_US, 100) is None


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 2_000_000)), max_size=400),
    st.integers(1, 500),
)
def test_no_client_is_refused_below_its_bytes_or_taken_far_above(
    steps: list[tuple[int, int]], rate: int
) -> None:
    """Whatever size comes when: two buckets, the rate times the time, and one message at most."""
    flood = Flood(100_000)
    flood.allow({7: Rates(bytes=rate)})
    taken, came, now_us = 0, 0, NOW_US
    for size, pause_us in steps:
        now_us += pause_us
        if flood.excess(terminal(1, 7), now_us, size) is None:
            taken += size
        else:
            assert came >= rate * BURST_SECONDS
        came += size
    seconds = (now_us - NOW_US) / SECOND_US
    largest = max((size for size, _ in steps), default=0)
    assert taken <= 2 * rate * BURST_SECONDS + rate * seconds + 2 * largest + 1


@pytest.mark.timeout(120)
async def test_a_flood_is_quarantined_counted_and_harmless(
    database: Database, broker: TestBroker
) -> None:
    """The excess of one terminal: samples, all of it counted; its neighbour's are all stored."""
    async with settled(database) as pool:
        await register(pool, "M-1", "M-2")
        execute(database, "update telemetry.quarantine_limit set samples = 250")
        broker.admit("M-1", "M-2")
        with (
            Bridge(database, broker, MUSTER_TERMINAL_MESSAGES_PER_SECOND="1").ready() as bridge,
            Publisher(broker, "M-1") as loud,
            Publisher(broker, "M-2") as modest,
        ):
            modest.say(*({"values": {"voltage_a": 230.0 + k / 10}} for k in range(5)))
            loud.say(*({"values": {"voltage_a": 200.0 + k / 10}} for k in range(300)))
            modest.say(*({"values": {"voltage_a": 240.0 + k / 10}} for k in range(5)))
            bridge.settle(310)
            fates = bridge.fates()
    stored = read(database, "select terminal_id, count(*) as n from telemetry.meter group by 1")
    storms = read(database, "select reason, messages, kept from telemetry.quarantine_fault")
    kept = read(database, "select distinct detail from telemetry.quarantine")

    counts = {row["terminal_id"]: row["n"] for row in stored}
    assert counts[2] == 10
    assert 2 * BURST_SECONDS <= counts[1] < 100
    assert fates["flood"] == 300 - counts[1]
    assert storms == [{"reason": "flood", "messages": fates["flood"], "kept": 2}]
    assert kept == [{"detail": "the terminal sends more than 1 messages/s"}]
