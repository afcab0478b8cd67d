"""What a metric's value means while it lasts, as a profile says: a bit of a word, or a truth.

A condition that begins is an event of its code, one that ends is the code with `_restored`. Codecs
report words and truths as they come; what begins and ends is found in the order of the terminal's
own time, wherever late readings fall.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

RESTORED = "_restored"
HIGHEST_BIT = 62
Severity = Literal["critical", "major", "minor", "warning", "indeterminate"]
"""Of an event (ITU-T X.733)."""
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Condition:
    """While this bit of a bigint is set, or (None) while a boolean is true, `code` holds."""

    code: str
    severity: str
    bit: int | None = None

    def holds(self, value: int) -> bool:
        """Whether it holds at this value; true is 1."""
        return bool(value >> (self.bit or 0) & 1)


def changes(
    conditions: Sequence[Condition], before: int, after: int
) -> Iterator[tuple[str, str, Condition]]:
    """Code and severity of what begins and ends between two values that follow each other."""
    for condition in conditions:
        held, holds = condition.holds(before), condition.holds(after)
        if holds and not held:
            yield condition.code, condition.severity, condition
        elif held and not holds:
            yield condition.code + RESTORED, "indeterminate", condition
