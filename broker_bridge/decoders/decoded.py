"""What every decoder says, whatever the format it reads."""

from collections.abc import Callable
from typing import NamedTuple

from telemetry.model import Reason

SHOWN = 40

Scalar = float | int | bool | str


class Decoded(NamedTuple):
    """One reading: values by metric name, as they were written, not yet held against a profile.

    `time_us` is the terminal's clock in Unix us, None if it told none. There is at least one
    value; integers fit in 64 bits, floats are finite, text has no NUL; names may be anything.
    `seq` counts the messages of `boot`; `first_kept` is the oldest that the terminal still keeps.
    """

    time_us: int | None
    seq: int | None
    boot: str | None
    first_kept: int | None
    values: dict[str, Scalar]


class DecodedEvent(NamedTuple):
    """Something that happened at a terminal; `data` is a JSON object as text.

    `session` is whether the terminal then has a session with the broker, where it tells that.
    """

    time_us: int | None
    seq: int | None
    boot: str | None
    first_kept: int | None
    code: str
    severity: str
    text: str | None
    data: str | None
    session: bool | None = None


class RefusedPart(NamedTuple):
    """What of a message cannot be taken while the rest can: a value, or a whole reading.

    `position` is the reading's index in its message; `metric` (fit to print) is None when all of
    it is refused. `seq` and `boot` are the reading's, as far as they could be read.
    """

    position: int
    seq: int | None
    metric: str | None
    reason: Reason
    detail: str
    boot: str | None = None


class Undecodable(Exception):
    """Nothing of this message can be taken; `position` is where in the text it goes wrong."""

    def __init__(self, reason: Reason, detail: str, position: int | None = None) -> None:
        super().__init__(reason, detail, position)
        self.reason = reason
        self.detail = detail
        self.position = position


def shown(text: str) -> str:
    """A name or text of a terminal's, short and printable, for details and logs."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")[1:-1]


# Any bytes give readings and refused parts, at least one of either, or raise `Undecodable`, in
# bounded time and memory. The second argument is when we received them, in Unix us.
Decode = Callable[[bytes, int], tuple[list[Decoded], list[RefusedPart]]]
