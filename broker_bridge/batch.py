"""What arrived, gathered in columns until it is sealed; pure, clocks passed in.

The deliveries whose fate a batch decides are kept beside: they are released together, after the
commit.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from broker_bridge.clocks import fault_of_time
from broker_bridge.decoders import (
    Decoded,
    DecodedEvent,
    Fragment,
    Options,
    RefusedPart,
    Said,
)
from broker_bridge.sealing import Gathered, SealedTable, seal
from broker_bridge.session import Delivery
from broker_bridge.topics import Channel
from registry.model import DeviceProfile, ProfileId, TerminalRef
from telemetry.fragments import Key, Part
from telemetry.identities import Word
from telemetry.model import Event, Identity, Reason

_EVER = -(2**63)  # owned since
_READINGS = f"/{Channel.TELEMETRY}"
_SECOND_US = 1_000_000
_SET_BACK_US = 300 * _SECOND_US  # no message waits so long for one that came after it

# Delivery, terminal id (0 is unknown), time (Unix us), owned since, whether it brought readings.
_Note: TypeAlias = tuple[Delivery, int, int, int, bool]
# Delivery, terminal id, boot, seq, and the oldest number that the terminal still keeps.
Numbered: TypeAlias = tuple[Delivery, int, str, int, int | None]


class Refused(NamedTuple):
    """Why a part of a delivery cannot be stored."""

    delivery: Delivery
    terminal_id: int | None
    reason: Reason
    detail: str


class Piece(NamedTuple):
    """A part of a message that this terminal sends in several, and how to read the whole."""

    delivery: Delivery
    ref: TerminalRef
    fragment: Fragment
    codec: str
    options: Options


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch that is complete: storing it again, after an unknown outcome, stores the same."""

    deliveries: Sequence[Delivery]
    tables: Sequence[SealedTable]
    events: Sequence[tuple[Event, Delivery]]
    refused: Sequence[Refused]
    parts: dict[Delivery, int]
    """Of a delivery with more or fewer parts than one, how many of its parts were to be stored."""
    untimed: int
    tolerated: int
    """How often a lenient codec took what a strict one would have refused."""
    notes: Sequence[_Note]
    """Every delivery of the batch, once for each terminal that says something in it."""
    numbered: Sequence[Numbered]
    kept: Sequence[Part]
    """Parts of messages that are not whole yet."""
    joined: Sequence[Key]
    """Messages that are whole with this batch."""
    words: Sequence[Word]


class UntimedClock:
    """Times for readings that tell none: when they came, no two the same."""

    def __init__(self) -> None:
        self.last_us = 0

    def stamp(self, received_us: int) -> int:
        """`received_us`, or as little after it as keeps it apart from the stamp before.

        When our clock was set back, so is this one: else all that comes would be of the future.
        """
        if received_us < self.last_us - _SET_BACK_US:
            self.last_us = received_us
        else:
            self.last_us = max(self.last_us + 1, received_us)
        return self.last_us

    def go_on_from(self, other: "UntimedClock") -> None:
        """Give none of the times that the other one gave."""
        self.last_us = max(self.last_us, other.last_us)


class Batch:
    """Takes what was decoded; `seal` holds it against profile, clock and owner, all at once."""

    def __init__(self, clock: UntimedClock) -> None:
        """`strangers` are deliveries of which nothing has been taken or refused yet.

        `pieces` are parts of messages whose other parts may have come before.
        """
        self.deliveries: list[Delivery] = []
        self.strangers: deque[Delivery] = deque()
        self.pieces: list[Piece] = []
        self.kept: list[Part] = []
        self.joined: list[Key] = []
        self._refused: list[Refused] = []
        self._readings = 0
        self._clock = clock
        self._untimed = 0
        self.tolerated = 0
        self._gathered: dict[ProfileId, Gathered] = {}
        self._events: list[tuple[Event, Delivery]] = []
        self._parts: dict[Delivery, int] = {}
        self._notes: list[_Note] = []
        self._numbered: list[Numbered] = []
        self.said: list[tuple[Delivery, Word]] = []
        """What terminals say of themselves, and in which delivery."""

    def size(self) -> int:
        """How much there is: messages, or parts where they have many."""
        return max(len(self.deliveries), self._readings + len(self._events) + len(self._refused))

    def add(self, delivery: Delivery, ref: TerminalRef, readings: Sequence[Decoded]) -> None:
        """Take a delivery from this terminal with its readings, of which there may be none left."""
        profile = ref.profile
        gathered = self._gathered.get(profile.id)
        if gathered is None:
            gathered = self._gathered[profile.id] = Gathered(profile)
        elif gathered.profile is not profile and gathered.profile.version < profile.version:
            gathered.profile = profile
        groups = gathered.groups
        received_us = delivery.received_us
        owned_since = ref.owner_since_us
        if owned_since is None:
            owned_since = _EVER
        if len(readings) != 1:
            self._parts[delivery] = len(readings)
        newest_us = _EVER
        for time_us, seq, boot, first_kept, values in readings:
            self._readings += 1
            if time_us is None:
                time_us = self._clock.stamp(received_us)  # noqa: PLW2901
                self._untimed += 1
            if time_us > newest_us:
                newest_us = time_us
            if boot is not None and seq:
                self._numbered.append((delivery, ref.id, boot, seq, first_kept))
            row = (
                self._readings, ref.id, time_us, received_us, owned_since, delivery,
                *values.values(),
            )  # fmt: skip
            pattern = tuple(values)
            group = groups.get(pattern)
            if group is None:
                groups[pattern] = [row]
            else:
                group.append(row)
        self._notes.append(
            (delivery, ref.id, newest_us if readings else received_us, owned_since, True)
        )

    def add_events(
        self,
        delivery: Delivery,
        ref: TerminalRef,
        events: Sequence[DecodedEvent],
        *,
        framed: bool = False,
    ) -> None:
        """Take a delivery from this terminal with its events; those at a wrong time are refused.

        Out of a frame (`framed`) they are what the terminal was to send, as readings are.
        """
        self._parts[delivery] = len(events)
        owned_since = _EVER if ref.owner_since_us is None else ref.owner_since_us
        newest_us = _EVER
        for event in events:
            time_us = event.time_us
            if time_us is None:
                time_us = self._clock.stamp(delivery.received_us)
                self._untimed += 1
            newest_us = max(newest_us, time_us)
            if event.boot is not None and event.seq:
                self._numbered.append((delivery, ref.id, event.boot, event.seq, event.first_kept))
            fault = fault_of_time(ref.profile, owned_since, time_us, delivery.received_us)
            if fault is not None:
                self.refuse_part(delivery, ref.id, *fault)
                continue
            kept = Event(
                ref.id, time_us, delivery.received_us,
                event.code, event.severity, event.text, event.data, event.session, framed or None,
            )  # fmt: skip
            self._events.append((kept, delivery))
        newest_us = newest_us if events else delivery.received_us
        self._notes.append((delivery, ref.id, newest_us, owned_since, framed))

    def add_each(self, delivery: Delivery, each: Sequence[tuple[TerminalRef, Said]]) -> None:
        """Take a delivery with what each of some terminals, at least one, says in it."""
        for ref, said in each:
            if said.readings or not said.events:
                self.add(delivery, ref, said.readings)
            if said.events:
                self.add_events(delivery, ref, said.events, framed=True)
                if said.readings:
                    self._notes.pop()  # it is one message of this terminal's
            if said.identity is not None:
                self.hear(delivery, ref, said.identity)
            self.refuse_parts(delivery, ref.id, said.refused)
        self._parts[delivery] = sum(len(said.readings) + len(said.events) for _, said in each)

    def add_joined(self, piece: Piece, said: Said) -> None:
        """Take what the message says that this piece, which was taken, makes whole."""
        parts = self._parts[piece.delivery]
        self.add_each(piece.delivery, [(piece.ref, said)])
        self._notes.pop()
        self._parts[piece.delivery] += parts

    def hear(
        self, delivery: Delivery, ref: TerminalRef, identity: Identity, *, starts: bool = False
    ) -> None:
        """Note what a terminal says of itself in a delivery that was just taken, and when.

        What it said at a wrong time, or in another owner's, is of no use.
        """
        _, _, newest_us, owned_since, _ = self._notes[-1]
        received_us = delivery.received_us
        if fault_of_time(ref.profile, owned_since, newest_us, received_us) is None:
            time_us = min(newest_us, received_us)
            word = Word(ref.id, time_us, received_us, identity, starts, delivery.duplicate)
            self.said.append((delivery, word))

    def withdraw(self, wrong: Mapping[Delivery, tuple[int, str]]) -> None:
        """Send deliveries to quarantine that are taken already: whose (id) each is, and why."""
        for gathered in self._gathered.values():
            for pattern, rows in list(gathered.groups.items()):
                gathered.groups[pattern] = [row for row in rows if row[5] not in wrong]
                if not gathered.groups[pattern]:
                    del gathered.groups[pattern]
        self._events = [
            (event, delivery) for event, delivery in self._events if delivery not in wrong
        ]
        for delivery, (terminal_id, detail) in wrong.items():
            self.refuse_part(delivery, terminal_id, Reason.WRONG_IDENTITY, detail)

    def refuse(
        self, delivery: Delivery, ref: TerminalRef | None, reason: Reason, detail: str
    ) -> None:
        """Send all of a delivery to quarantine, from this terminal if it is known."""
        terminal_id = None if ref is None else ref.id
        owned_since = _EVER if ref is None or ref.owner_since_us is None else ref.owner_since_us
        readings = delivery.topic.endswith(_READINGS)
        self._notes.append(
            (delivery, terminal_id or 0, delivery.received_us, owned_since, readings)
        )
        self.refuse_part(delivery, terminal_id, reason, detail)

    def refuse_parts(
        self, delivery: Delivery, terminal_id: int, parts: Iterable[RefusedPart]
    ) -> None:
        """Send what a decoder refused of a delivery to quarantine."""
        for part in parts:
            subject = part.metric or f"reading {part.position + 1}"
            self.refuse_part(delivery, terminal_id, part.reason, f"{subject}: {part.detail}")
            if part.boot is not None and part.seq:
                self._numbered.append((delivery, terminal_id, part.boot, part.seq, None))

    def refuse_part(
        self, delivery: Delivery, terminal_id: int | None, reason: Reason, detail: str
    ) -> None:
        """Send something of a delivery, of which something else is taken, to quarantine."""
        self._refused.append(Refused(delivery, terminal_id, reason, detail))

    def unknown_metrics(self) -> list[tuple[ProfileId, str]]:
        """Metrics that came and that their profile, as it was known then, lacks."""
        unknown: dict[tuple[ProfileId, str], None] = {}
        for profile_id, gathered in self._gathered.items():
            known = {metric.name for metric in gathered.profile.metrics}
            for pattern in gathered.groups:
                unknown.update(((profile_id, name), None) for name in pattern if name not in known)
        return list(unknown)

    def know(self, profile: DeviceProfile) -> None:
        """Hold the readings of this profile against this version of it, if it is newer."""
        gathered = self._gathered[profile.id]
        if gathered.profile.version < profile.version:
            gathered.profile = profile

    def seal(self) -> Sealed:
        """Check, sort and merge everything; the batch is not used any more."""
        tables = [
            table
            for gathered in self._gathered.values()
            if (table := seal(gathered, self.refuse_part)) is not None
        ]
        return Sealed(
            self.deliveries,
            tables,
            self._events,
            self._refused,
            self._parts,
            self._untimed,
            self.tolerated,
            self._notes,
            self._numbered,
            self.kept,
            self.joined,
            [word for _, word in self.said],
        )
