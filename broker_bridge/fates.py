"""What became of the messages of a batch, told from what became of their parts; pure.

A message's fate is that of its worst part: quarantined, else stored, else duplicate.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from broker_bridge.batch import Refused, Sealed, SealedTable
from broker_bridge.session import Delivery
from telemetry.events import Recorded
from telemetry.model import Fate, Reason, Refusal
from telemetry.storing import Stored

MOST_DETAILS = 10


class Fates:
    """Fates of one sealed batch; tell it first of every table and of the events."""

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
        for row, metrics in stored.conflicts.items():
            for metric in metrics:
                clashes.update((source, metric) for source in merged.givers(row, metric))
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

    def refusals(self) -> list[Refusal]:
        """What goes to quarantine: one item for a message and reason."""
        details: dict[tuple[Delivery, Reason], list[Refused]] = {}
        for refused in self._refused:
            details.setdefault((refused.delivery, refused.reason), []).append(refused)
        self.parts[Fate.QUARANTINED] = len(self._refused)
        return [
            Refusal(
                delivery.received_us,
                delivery.topic,
                delivery.payload,
                found[0].terminal_id,
                reason,
                _joined([refused.detail for refused in found]),
            )
            for (delivery, reason), found in details.items()
        ]

    def messages(self) -> Counter[tuple[Fate, Reason | None]]:
        """How many messages met each fate; a quarantined one counts under its first reason."""
        reasons: dict[Delivery, Reason] = {}
        for refused in self._refused:
            reasons.setdefault(refused.delivery, refused.reason)
        parts = self._sealed.parts
        doubled = sum(
            delivery not in reasons and count == parts.get(delivery, 1)
            for delivery, count in self._doubled.items()
        )
        counts: Counter[tuple[Fate, Reason | None]] = Counter(
            (Fate.QUARANTINED, reason) for reason in reasons.values()
        )
        counts[Fate.DUPLICATE, None] = doubled
        counts[Fate.STORED, None] = len(self._sealed.deliveries) - len(reasons) - doubled
        return counts

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
