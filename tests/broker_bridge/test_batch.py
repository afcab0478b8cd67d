"""A batch against a plain account of what it should keep, and its fates against the parts'."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_bridge.batch import Batch, Sealed, UntimedClock
from broker_bridge.decoders import Decoded, DecodedEvent, Said
from broker_bridge.fates import Fates
from broker_bridge.session import Delivery
from registry.model import ProfileId, TerminalId, TerminalRef, TerminalState
from telemetry.batches import Batch as Feed
from telemetry.messages import EVER_US, FATES, Messages
from telemetry.model import Fate, Reason, at
from telemetry.storing import Stored
from tests.telemetry.ground import NOON_US, metric, profile

METER = replace(
    profile(
        "meter",
        metric("a"),
        metric("b", low=0.0, high=100.0),
        metric("c", "text"),
        clock_back_seconds=3600,
        clock_ahead_seconds=60,
    ),
    id=ProfileId(1),
)
_METRICS = {m.name for m in METER.metrics}
_MINUTE_US = 60_000_000


def ref(terminal: int, owner_since_us: int | None = None) -> TerminalRef:
    """A meter in service."""
    code = f"M-{terminal}"
    state = TerminalState.IN_SERVICE
    return TerminalRef(TerminalId(terminal), code, METER, state, owner_since_us)


def delivery(*, duplicate: bool = False, received_us: int = NOON_US) -> Delivery:
    """A message that came; what it says is not looked at here."""
    return Delivery("m2m/v1/M-1/telemetry", b"raw", 1, duplicate, received_us, 1, 1)


def reading(time_us: int | None, **values: Any) -> Decoded:
    """A decoded reading."""
    return Decoded(time_us, None, None, None, values)


def seal(*messages: tuple[Delivery, TerminalRef, list[Decoded]]) -> Sealed:
    """A batch of these messages."""
    batch = Batch(UntimedClock())
    for said, terminal, readings in messages:
        batch.deliveries.append(said)
        batch.add(said, terminal, readings)
    return batch.seal()


def rows(sealed: Sealed) -> list[tuple[int, int, dict[str, Any]]]:
    """(terminal, time, values) of every row."""
    return [
        (
            int(table.merged.rows.terminal_ids[k]),
            int(table.merged.rows.times_us[k]),
            {
                name: column.values[k]
                for name, column in table.merged.rows.columns.items()
                if column.present[k]
            },
        )
        for table in sealed.tables
        for k in range(len(table.merged.rows))
    ]


def told(sealed: Sealed, **stored: Any) -> Fates:
    """The fates when the database takes everything, or says `stored` of the one table."""
    fates = Fates(sealed)
    for table in sealed.tables:
        everything = np.ones(len(table.merged.rows), np.bool_)
        fates.tell_rows(table, Stored(**{"inserted": everything} | stored))
    return fates


def fed(messages: Messages) -> Feed:
    """Messages as a follower gets them."""
    row: dict[str, Any] = messages.entry()
    ids = np.frombuffer(row["terminal_ids"], "<i4")
    times, received = (np.frombuffer(row[name], "<i8") for name in ("times_us", "received_us"))
    assert row["rows"] == len(ids)
    return Feed("b", 1, at(NOON_US), row["profile_id"], ids, times, received, row["columns"])


def test_rows_are_sorted_by_terminal_and_time() -> None:
    """Whatever the order of arrival."""
    one, two = delivery(), delivery()
    sealed = seal(
        (one, ref(2), [reading(NOON_US + 1, a=1.0), reading(NOON_US, b=2.0)]),
        (two, ref(1), [reading(NOON_US + 2, a=3.0)]),
    )

    assert rows(sealed) == [
        (1, NOON_US + 2, {"a": 3.0}),
        (2, NOON_US, {"b": 2.0}),
        (2, NOON_US + 1, {"a": 1.0}),
    ]
    assert told(sealed).messages() == {(Fate.STORED, None): 2, (Fate.DUPLICATE, None): 0}


def test_every_message_is_accounted_for_once() -> None:
    """With its newest time, its size and its fate; refused as a whole, at the time it came."""
    stored, again, bad, whole = (delivery() for _ in range(4))
    batch = Batch(UntimedClock())
    batch.add(stored, ref(1), [reading(NOON_US, a=1.0), reading(NOON_US - 1, a=1.0)])
    batch.add(again, ref(1), [reading(NOON_US, a=1.0)])
    batch.add(bad, ref(2, NOON_US), [reading(NOON_US - _MINUTE_US, b=1.0)])
    batch.refuse(whole, None, Reason.UNKNOWN_TERMINAL, "there is no terminal M-9")
    batch.deliveries += [stored, again, bad, whole]
    account = Messages.of(fed(told(batch.seal()).account()))

    assert [FATES[k] for k in account.fates] == [
        Fate.STORED,
        Fate.DUPLICATE,
        Fate.QUARANTINED,
        Fate.QUARANTINED,
    ]
    assert account.terminal_ids.tolist() == [1, 1, 2, 0]
    assert account.times_us.tolist() == [NOON_US, NOON_US, NOON_US - _MINUTE_US, NOON_US]
    assert account.owned_since_us.tolist() == [EVER_US, EVER_US, NOON_US, EVER_US]
    assert account.sizes.tolist() == [3, 3, 3, 3]
    assert account.readings.all()


def test_events_out_of_a_frame_are_what_was_to_be_sent() -> None:
    """As readings are; those on the topic of events, hellos among them, come beside it."""
    frame, word = delivery(), delivery()
    batch = Batch(UntimedClock())
    events = [DecodedEvent(NOON_US, None, None, None, "fire_alarm", "critical", None, None)]
    batch.add_each(frame, [(ref(1), Said((), (), events))])
    batch.add_events(word, ref(2), events)
    batch.deliveries += [frame, word]
    sealed = batch.seal()

    assert [event.framed for event, _ in sealed.events] == [True, None]
    assert [brought for *_, brought in sealed.notes] == [True, False]


def test_one_bad_value_does_not_sink_its_message() -> None:
    """The good values are kept; the message counts as quarantined, once."""
    said = delivery()
    sealed = seal((said, ref(1), [reading(NOON_US, a=1.0, b=500, zz=1), reading(NOON_US, b="x")]))
    fates = told(sealed)

    assert rows(sealed) == [(1, NOON_US, {"a": 1.0})]
    assert [(r.reason, r.detail) for r in fates.refusals()] == [
        (Reason.OUT_OF_RANGE, "b 500 is outside 0 to 100"),
        (Reason.UNKNOWN_METRIC, "zz"),
        (Reason.WRONG_TYPE, "b is 'x', not a number"),
    ]
    assert fates.messages()[Fate.QUARANTINED, Reason.OUT_OF_RANGE] == 1
    assert fates.messages()[Fate.STORED, None] == 0
    assert fates.parts == {Fate.STORED: 1, Fate.DUPLICATE: 0, Fate.QUARANTINED: 3}


@pytest.mark.parametrize(
    ("time_us", "reason"),
    [
        (NOON_US - 60 * _MINUTE_US, None),
        (NOON_US - 60 * _MINUTE_US - 1, Reason.CLOCK),
        (NOON_US + _MINUTE_US, None),
        (NOON_US + _MINUTE_US + 1, Reason.CLOCK),
        (0, Reason.CLOCK),
        (-(10**17), Reason.CLOCK),
        (10**17, Reason.CLOCK),
    ],
)
def test_the_clock_is_held_against_ours(time_us: int, reason: Reason | None) -> None:
    """Readings and events from `clock_back` ago to `clock_ahead` ahead are taken, ends included."""
    batch = Batch(UntimedClock())
    one, two = delivery(), delivery()
    batch.deliveries += [one, two]
    batch.add(one, ref(1), [reading(time_us, a=1.0), reading(NOON_US, a=2.0)])
    event = DecodedEvent(time_us, None, None, None, "x", "minor", None, None)
    batch.add_events(two, ref(1), [event])

    sealed = batch.seal()

    assert len(rows(sealed)) == (1 if reason else 2)
    assert len(sealed.events) == (0 if reason else 1)
    assert {r.reason for r in sealed.refused} == ({reason} if reason else set())
    assert {r.delivery for r in sealed.refused} == ({one, two} if reason else set())


def test_time_before_the_present_owner_is_another_owners() -> None:
    """The first moment of an ownership belongs to it."""
    owned = ref(1, owner_since_us=NOON_US - 5)
    sealed = seal((delivery(), owned, [reading(NOON_US - 6, a=1.0), reading(NOON_US - 5, a=2.0)]))

    assert rows(sealed) == [(1, NOON_US - 5, {"a": 2.0})]
    assert [r.reason for r in sealed.refused] == [Reason.OTHER_OWNER]


def test_a_message_that_tells_of_another_owners_time_is_refused_for_that_only() -> None:
    """Its bytes are one item, and not the present owner's, whatever else is wrong with it."""
    owned = ref(1, owner_since_us=NOON_US - 5)
    late = delivery()
    told_of_both = [reading(NOON_US - 6, a=1.0), reading(NOON_US - 4, b=1.0, nothing=1.0)]
    fates = told(seal((late, owned, told_of_both), (delivery(), owned, [reading(NOON_US, c=1.0)])))

    assert [(r.delivery is late, r.reason) for r in fates.refused if r.delivery is late] == [
        (True, Reason.OTHER_OWNER)
    ]
    assert fates.messages()[Fate.QUARANTINED, Reason.OTHER_OWNER] == 1


@pytest.mark.parametrize(
    ("time_us", "reason"),
    [
        (NOON_US - 40 * 24 * 60 * _MINUTE_US, Reason.OTHER_OWNER),
        (0, Reason.CLOCK),  # a clock that lost its time
    ],
)
def test_what_is_too_old_may_still_be_another_owners(time_us: int, reason: Reason) -> None:
    """Beyond the accepted clock, but within what a device remembers, it is the former owner's."""
    sealed = seal((delivery(), ref(1, owner_since_us=NOON_US - 5), [reading(time_us, a=1.0)]))

    assert [r.reason for r in sealed.refused] == [reason]


def test_readings_without_a_time_get_one_each() -> None:
    """Of one terminal in one read they neither merge nor clash, and are counted."""
    clock = UntimedClock()
    batch = Batch(clock)
    for k in range(3):
        said = delivery()
        batch.deliveries.append(said)
        batch.add(said, ref(1), [reading(None, a=float(k))])

    sealed = batch.seal()

    assert [values["a"] for _, _, values in rows(sealed)] == [0.0, 1.0, 2.0]
    assert sealed.untimed == 3
    assert clock.stamp(NOON_US) == NOON_US + 3


def test_readings_without_a_time_follow_a_clock_that_was_set_back() -> None:
    """Else they would be of the future, and refused; a message that waited a while does not."""
    clock = UntimedClock()
    clock.stamp(NOON_US)

    assert clock.stamp(NOON_US - 10_000_000) == NOON_US + 1
    assert clock.stamp(NOON_US - 3_600_000_000) == NOON_US - 3_600_000_000


def test_a_row_of_what_was_delivered_before_is_doubtful() -> None:
    """Only rows with a part in a message marked DUP are merged at once."""
    sealed = seal(
        (delivery(), ref(1), [reading(NOON_US, a=1.0)]),
        (delivery(duplicate=True), ref(1), [reading(NOON_US, b=1.0), reading(NOON_US + 1, a=2.0)]),
        (delivery(), ref(2), [reading(NOON_US, a=1.0)]),
    )

    assert sealed.tables[0].doubtful is not None
    assert sealed.tables[0].doubtful.tolist() == [True, True, False]
    assert seal((delivery(), ref(1), [reading(NOON_US, a=1.0)])).tables[0].doubtful is None


def test_who_repeats_what_is_stored_conflicts_with_nothing() -> None:
    """Though it came behind one that does: two of one moment, the second of which was stored."""
    first, second, third = (delivery() for _ in range(3))
    sealed = seal(
        (first, ref(1), [reading(NOON_US, a=1.0)]),
        (second, ref(1), [reading(NOON_US, a=2.0)]),
        (third, ref(1), [reading(NOON_US, a=3.0)]),
    )
    fates = told(sealed, inserted=np.array([False]), conflicts={0: {"a": 2.0}})

    assert [refused.delivery for refused in fates.refused] == [first, third]
    assert fates.messages() == {
        (Fate.DUPLICATE, None): 1,
        (Fate.STORED, None): 0,
        (Fate.QUARANTINED, Reason.CONFLICT): 2,
    }


def test_what_the_database_tells_of_a_row_reaches_its_messages() -> None:
    """Of messages that became one row, each has the fate of what it gave."""
    given, added, clashing, same, refused = (delivery() for _ in range(5))
    sealed = seal(
        (given, ref(1), [reading(NOON_US, a=1.0)]),
        (added, ref(1), [reading(NOON_US, b=2.0)]),
        (clashing, ref(1), [reading(NOON_US, c="x")]),
        (same, ref(2), [reading(NOON_US, a=1.0)]),
        (refused, ref(3), [reading(NOON_US, a=1.0)]),
    )
    fates = told(
        sealed,
        inserted=np.array([False, False, False]),
        added={0: frozenset("b")},
        conflicts={0: {"c": "y"}},
        refused={2: "never"},
    )

    assert [(r.reason, r.terminal_id, r.detail) for r in fates.refusals()] == [
        (Reason.REFUSED_BY_DATABASE, 3, "never"),
        (Reason.CONFLICT, 1, "c has another value at that time already"),
    ]
    assert fates.messages() == {
        (Fate.DUPLICATE, None): 2,  # what gave a that was there, and what was there wholly
        (Fate.STORED, None): 1,
        (Fate.QUARANTINED, Reason.CONFLICT): 1,
        (Fate.QUARANTINED, Reason.REFUSED_BY_DATABASE): 1,
    }


def test_a_message_of_many_parts_is_a_duplicate_only_as_a_whole() -> None:
    """One part that was new makes it stored."""
    partly, wholly = delivery(), delivery()
    sealed = seal(
        (partly, ref(1), [reading(NOON_US, a=1.0), reading(NOON_US + 1, a=1.0)]),
        (wholly, ref(2), [reading(NOON_US, a=1.0), reading(NOON_US + 1, a=1.0)]),
    )
    fates = told(sealed, inserted=np.array([False, True, False, False]))

    assert fates.messages() == {(Fate.STORED, None): 1, (Fate.DUPLICATE, None): 1}
    assert fates.parts == {Fate.STORED: 1, Fate.DUPLICATE: 3}


@dataclass
class Account:
    """What a batch should keep, one message after the other: the first value of each stays."""

    kept: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    fates: Counter[str] = field(default_factory=Counter)

    def take(self, terminal: int, time_us: int, values: dict[str, Any]) -> None:
        """One message of one reading."""
        bad = {m for m, v in values.items() if m not in _METRICS or (m == "b" and v > 100)}
        row = self.kept.setdefault((terminal, time_us), {})
        good = {m: v for m, v in values.items() if m not in bad}
        clashes = {m for m, v in good.items() if m in row and row[m] != v}
        fresh = good.keys() - row.keys()
        row |= {m: good[m] for m in fresh}
        fate = "quarantined" if bad or clashes else "stored" if fresh else "duplicate"
        self.fates[fate] += 1


_SAID = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from([1.0, 2.0]),
        "b": st.sampled_from([1.0, 500.0]),
        "c": st.sampled_from(["x", "y"]),
        "zz": st.just(1),
    },
).filter(bool)


@given(said=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), _SAID), max_size=30))
def test_any_messages_keep_what_came_first_and_are_all_accounted_for(
    said: list[tuple[int, int, dict[str, Any]]],
) -> None:
    """Rows, fates and refusals are those of a plain account, message by message."""
    account = Account()
    for terminal, second, values in said:
        account.take(terminal, NOON_US + second, values)

    sealed = seal(
        *((delivery(), ref(t), [reading(NOON_US + second, **v)]) for t, second, v in said)
    )
    fates = told(sealed)

    assert {(t, us): values for t, us, values in rows(sealed)} == {
        key: values for key, values in account.kept.items() if values
    }
    counted: Counter[str] = Counter()
    for (fate, _), count in fates.messages().items():
        counted[fate.value] += count
    assert +counted == +account.fates
