"""The record of what a simulation sent, one JSON line a message, so that somebody can check it.

A line is written when the message's end is known: `acknowledged_us` is when the broker's PUBACK
came (QoS 1) or null when none ever did. A message sent again after a broken connection has one
line.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO


@dataclass(frozen=True, slots=True)
class Entry:
    """One message: `digest` is the first 8 bytes of the payload's SHA-256; times in Unix us."""

    terminal: str
    boot: int
    kind: str
    topic: str
    seq: int | None
    ts_ms: int | None
    digest: str
    expected: str | None
    sent_us: int
    acknowledged_us: int | None
    attempts: int = 1


@dataclass(slots=True)
class Summary:
    """What was sent so far; `receipted` of it have a fate, `refused` were told why not.

    `resent` counts what was sent again for want of a receipt.
    """

    connections: int = 0
    refusals: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    receipted: int = 0
    refused: int = 0
    resent: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    by_expected: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.acknowledged + self.unacknowledged

    def document(self) -> dict[str, Any]:
        """The summary as plain JSON."""
        return {
            "connections": self.connections,
            "refusals": self.refusals,
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "unacknowledged": self.unacknowledged,
            "receipted": self.receipted,
            "refused": self.refused,
            "resent": self.resent,
            "by_kind": dict(sorted(self.by_kind.items())),
            "by_expected": dict(sorted(self.by_expected.items())),
        }


class Ledger:
    """Counts every message and, given a path, writes its line at once: nothing waits in memory."""

    def __init__(self, path: Path | None = None) -> None:
        self.summary = Summary()
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def record(self, entry: Entry) -> None:
        """Count a message whose end is known, and write it down."""
        summary = self.summary
        summary.by_kind[entry.kind] += 1
        if entry.expected is not None:
            summary.by_expected[entry.expected] += 1
        if entry.acknowledged_us is None:
            summary.unacknowledged += 1
        else:
            summary.acknowledged += 1
        if self._file is not None:
            fields = {name: getattr(entry, name) for name in Entry.__slots__}
            self._file.write(json.dumps(fields, separators=(",", ":")) + "\n")


def entries(path: Path) -> Iterator[Entry]:
    """The entries of a ledger file in the order of their ends."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield Entry(**json.loads(line))
