"""What became of the messages of a batch, told from what became of their parts; pure.

A message's fate is that of its worst part: quarantined, else stored, else duplicate.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from broker_bridge.batch import Refused, Sealed
from broker_bridge.sealing import SealedTable
from broker_bridge.session import Delivery
from telemetry.events import Recorded
from telemetry.messages import FATES, Messages
from telemetry.model import Fate, Reason, Refusal
from telemetry.storing import Stored

MOST_DETAILS = 10


class Fates:
    """Fates of one sealed batch; tell it of every table and of the events before you ask."""

    def __init__(self, sealed: Sealed) -> None:
        self.parts: Counter[Fate] = Counter()
        self._sealed = sealed
        self._refused = list(sealed.refused)
        self._doubled: Counter[Delivery] = Counter()

    def tell_rows(self, table: SealedTable, stored: Stored) -> None:
        """What became of the rows of a table."""
        merged = table.merged
        kept = stored.inserted[merged.row_of()] & merged.fresh
        refused = np.zeros(len(kept), np.bool_)
        for row, said in stored.refused.items():
            for source in merged.sources(row):
                refused[source] = True
                self._refuse(table, source, Reason.REFUSED_BY_DATABASE, said)
        for row, metrics in stored.added.items():
            for metric in metrics:
                kept[merged.givers(row, metric)[0]] = True
        clashes = set(merged.clashes)
        for row, there in stored.conflicts.items():
            for metric, value in there.items():
                for source in merged.givers(row, metric):
                    clash = source, metric
                    if clash in merged.clashes and merged.clashes[clash] == value:
                        clashes.discard(clash)  # what differs from its batch is what is stored
                    else:
                        clashes.add(clash)
        for source, metric in sorted(clashes):
            if not refused[source]:
                said = f"{metric} has another value at that time already"
                self._refuse(table, source, Reason.CONFLICT, said)
        refused[[source for source, _ in clashes]] = True
        doubled = np.flatnonzero(~kept & ~refused).tolist()
        self._doubled.update(map(merged.delivery, doubled))
        self.parts[Fate.STORED] += int(kept.sum())
        self.parts[Fate.DUPLICATE] += len(doubled)

    def tell_events(self, recorded: Recorded) -> None:
        """What became of the batch's events."""
        for k, (event, delivery) in enumerate(self._sealed.events):
            if k in recorded.new:
                self.parts[Fate.STORED] += 1
            elif k in recorded.refused:
                reason, said = Reason.REFUSED_BY_DATABASE, recorded.refused[k]
                self._refused.append(Refused(delivery, event.terminal_id, reason, said))
            else:
                self.parts[Fate.DUPLICATE] += 1
                self._doubled[delivery] += 1

    @cached_property
    def refused(self) -> Sequence[Refused]:
        """What is refused: one item for a message and reason, its details joined.

        A message of which a part tells of another owner's time is refused for that only: its bytes
        are not for who owns the terminal now, whatever else is wrong with it.
        """
        self.parts[Fate.QUARANTINED] = len(self._refused)
        others = self._of_another_owner()
        once: dict[tuple[Delivery, Reason], Refused] = {}
        details: dict[tuple[Delivery, Reason], list[str]] = {}
        for refused in self._refused:
            if refused.delivery in others:
                refused = refused._replace(reason=Reason.OTHER_OWNER)  # noqa: PLW2901
            key = refused.delivery, refused.reason
            first = once.setdefault(key, refused)
            if first is not refused:  # seldom: most have one fault
                details.setdefault(key, [first.detail]).append(refused.detail)
        for key, said in details.items():
            once[key] = once[key]._replace(detail=_joined(said))
        return list(once.values())

    def refusals(self) -> list[Refusal]:
        """What goes to quarantine."""
        return [
            Refusal(
                delivery.received_us, delivery.topic, delivery.payload, terminal_id, reason, detail
            )
            for delivery, terminal_id, reason, detail in self.refused
        ]

    def messages(self) -> Counter[tuple[Fate, Reason | None]]:
        """How many messages met each fate; a quarantined one counts under its first reason."""
        reasons, doubled = self._exceptions
        counts: Counter[tuple[Fate, Reason | None]] = Counter(
            (Fate.QUARANTINED, reason) for reason in reasons.values()
        )
        counts[Fate.DUPLICATE, None] = len(doubled)
        counts[Fate.STORED, None] = len(self._sealed.deliveries) - len(reasons) - len(doubled)
        return counts

    def each(self) -> Iterator[tuple[Delivery, Fate, Reason | None]]:
        """What became of each message, in order of arrival."""
        reasons, doubled = self._exceptions
        for delivery in self._sealed.deliveries:
            reason = reasons.get(delivery)
            if reason is not None:
                yield delivery, Fate.QUARANTINED, reason
            else:
                yield delivery, Fate.DUPLICATE if delivery in doubled else Fate.STORED, None

    def account(self) -> Messages:
        """What became of each message, as the feed tells it."""
        notes = self._sealed.notes
        deliveries, terminal_ids, times_us, owned_since_us, readings = zip(*notes, strict=True)
        sizes = np.array([len(delivery.payload) for delivery in deliveries], np.int64)
        if len(notes) > len(self._sealed.deliveries):  # bytes count once, however many speak
            sizes[1:][np.diff(list(map(id, deliveries))) == 0] = 0
        fates = np.zeros(len(notes), np.int64)
        reasons, doubled = self._exceptions
        if reasons or doubled:
            for k, delivery in enumerate(deliveries):
                if delivery in reasons:
                    fates[k] = FATES.index(Fate.QUARANTINED)
                elif delivery in doubled:
                    fates[k] = FATES.index(Fate.DUPLICATE)
        return Messages(
            np.array(terminal_ids, np.int32),
            np.array(times_us, np.int64),
            np.array([delivery.received_us for delivery in deliveries], np.int64),
            sizes,
            fates,
            np.array(owned_since_us, np.int64),
            np.array(readings, np.bool_),
        )

    @cached_property
    def _exceptions(self) -> tuple[dict[Delivery, Reason], set[Delivery]]:
        """Of the messages that are not simply stored: the first reason, and the duplicates."""
        reasons = dict.fromkeys(self._of_another_owner(), Reason.OTHER_OWNER)
        for refused in self._refused:
            reasons.setdefault(refused.delivery, refused.reason)
        parts = self._sealed.parts
        doubled = {
            delivery
            for delivery, count in self._doubled.items()
            if delivery not in reasons and count == parts.get(delivery, 1)
        }
        return reasons, doubled

    def _of_another_owner(self) -> set[Delivery]:
        return {r.delivery for r in self._refused if r.reason is Reason.OTHER_OWNER}

    def _refuse(self, table: SealedTable, source: int, reason: Reason, detail: str) -> None:
        merged = table.merged
        row = int(np.searchsorted(merged.starts, source, side="right")) - 1
        terminal_id = int(merged.rows.terminal_ids[row])
        self._refused.append(Refused(merged.delivery(source), terminal_id, reason, detail))


def _joined(details: Sequence[str]) -> str:
    """The first few details, each once."""
    once = list(dict.fromkeys(details))
    more = len(once) - MOST_DETAILS
    told = "; ".join(once[:MOST_DETAILS])
    return f"{told}; and {more} more" if more > 0 else told
