"""What every decoder says, whatever the format it reads."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from registry.identifiers import WireName
from telemetry.model import Identity, Reason

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


class Missing(NamedTuple):
    """A value that the terminal says it has not, and how it says so: never a number."""

    metric: str
    why: str


class Fragment(NamedTuple):
    """Part `number` (from 1) of the `of` that make up one message of a speaker, named by `key`.

    `of` is 0 where only the last part tells.
    """

    key: str
    number: int
    of: int
    body: bytes


class Said(NamedTuple):
    """What one speaker says in a message; `speaker` None is the terminal that published it.

    `units` has the unit (UCUM) of each value, for `fitting.fit` to make it the profile's; None: the
    terminal speaks in its profile's units. A format that names its values itself `offers` more
    than a profile asks for. `tolerated` says what a strict reader would have refused. `identity` is
    what the speaker says of itself beside what it measures.
    """

    readings: Sequence[Decoded]
    refused: Sequence[RefusedPart]
    events: Sequence[DecodedEvent] = ()
    speaker: WireName | None = None
    units: Mapping[str, str | None] | None = None
    offers: bool = False
    missing: Sequence[Missing] = ()
    fragments: Sequence[Fragment] = ()
    tolerated: Sequence[str] = ()
    identity: Identity | None = None


Options = Mapping[str, str | int | bool]
"""How a profile has its codec read, such as {"lenient": true}; each codec knows its own."""

# Any bytes give something of at least one speaker, or raise `Undecodable`, in time linear in their
# length and bounded memory. The second argument is when we received them, in Unix us.
Decode = Callable[[bytes, int, Options], Sequence[Said]]
