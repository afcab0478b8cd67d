"""`muster bench fuzz`: damaged frames for every codec, each of which must end as was promised.

In readings, events or parts that can be stored; or in `Undecodable` with a byte inside the payload.
Within a time that grows with the payload's length, and never in another exception.
"""

import json
import math
import os
import platform
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from broker_bridge import decoders
from broker_bridge.decoders import Options, Said, Undecodable
from broker_bridge.decoders.decoded import Decode
from deploy.bench import cases
from deploy.bench.cases import RECEIVED_US
from deploy.bench.damage import Input, made
from registry.conditions import SEVERITIES

_FREE_SECONDS, _SECONDS_PER_BYTE = 0.05, 20e-6
"""CPU time that any payload may take, and what each of its bytes may take besides."""
_LONG = 1_024  # bytes from which on the time a byte says something
_TOLD_EVERY = 20_000
_INT64 = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`inputs` in all, in turn for each codec; `first` is the number of the first one."""

    inputs: int = 1_000_000
    seed: int = 1
    first: int = 0


class Broken(Exception):
    """A promise of the decoders is broken."""


class _TooSlow(BaseException):
    """Raised in a decoder that takes too long; no handler in it may catch this."""


def run(
    plan: Plan, tell: Callable[[str], None], keep: Path, directory: Path = cases.HERE
) -> dict[str, Any]:
    """Give every input; the counts as JSON. What breaks a promise is kept as a case of its own."""
    frames = cases.all_readable(directory)
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    ways: Counter[str] = Counter()
    slowest: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, -1))
    failures: list[dict[str, Any]] = []
    began = time.monotonic()
    for number in range(plan.first, plan.first + plan.inputs):
        given = made(plan.seed, number, frames)
        ways.update(given.way.split(", "))
        decode = decoders.find(given.codec)
        assert decode is not None
        try:
            outcome, seconds = judged(decode, given)
        except Broken as broken:
            outcome, seconds = "broken", 0.0
            failures.append({"number": number, "codec": given.codec, "why": str(broken)})
            kept(given, plan.seed, str(broken), keep)
        outcomes[given.codec][outcome] += 1
        if len(given.payload) >= _LONG:
            a_byte = seconds / len(given.payload)
            slowest[given.codec] = max(slowest[given.codec], (a_byte, number))
        if number % _TOLD_EVERY == 0:
            tell(f"{number - plan.first:,} of {plan.inputs:,}, {len(failures)} broken")
    return {
        "benchmark": "fuzz",
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "plan": asdict(plan),
        "seconds": round(time.monotonic() - began, 1),
        "codecs": {codec: dict(sorted(counts.items())) for codec, counts in outcomes.items()},
        "ways": dict(sorted(ways.items())),
        "slowest": {
            codec: {"us_a_byte": round(a_byte * 1e6, 3), "number": number}
            for codec, (a_byte, number) in sorted(slowest.items())
        },
        "failures": failures,
    }


def judged(decode: Decode, given: Input) -> tuple[str, float]:
    """How an input ended and the CPU seconds it took, or `Broken`."""
    most_seconds = _FREE_SECONDS + _SECONDS_PER_BYTE * len(given.payload)
    began = time.process_time()
    try:
        with _at_most(most_seconds):
            said = decode(given.payload, RECEIVED_US, given.options)
            joined = [
                _joined(given.codec, part.key, part.body, given.options)
                for one in said
                for part in one.fragments
            ]
    except Undecodable as error:
        _check_place(error, len(given.payload))
        return f"refused: {error.reason}", time.process_time() - began
    except _TooSlow:
        size = len(given.payload)
        raise Broken(f"{size} bytes took more than {most_seconds:.3f} s") from None
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}") from error
    seconds = time.process_time() - began
    check(said, lenient=bool(given.options.get("lenient")))
    check([one for one in joined if one is not None], lenient=True, empty=True)
    return _what(said), seconds


def _joined(codec: str, key: str, body: bytes, options: Options) -> Said | None:
    """What a part says, taken for the whole message."""
    try:
        return decoders.join(codec, key, body, options)
    except Undecodable as error:
        _check_place(error, math.inf)
        return None


def _check_place(error: Undecodable, size: float) -> None:
    if error.position is None or not 0 <= error.position <= size:
        raise Broken(f"{error.detail}: byte {error.position} of {size}")


def check(each: Sequence[Said], *, lenient: bool, empty: bool = False) -> None:
    """`Broken` unless somebody says something, all of which can be stored."""
    if not each and not empty:
        raise Broken("nobody says anything")
    for said in each:
        for reading in said.readings:
            for name, value in reading.values.items():
                _check_text(name)
                _check_value(value)
        for event in said.events:
            if not event.code or event.severity not in SEVERITIES:
                raise Broken(f"event {event.code!r}, {event.severity!r}")
            _check_text(event.code + (event.text or ""))
            if event.data is not None:
                _check_data(event.data)
        for part in said.fragments:
            if part.number < 1 or (part.of and part.number > part.of):
                raise Broken(f"part {part.number} of {part.of}")
        if said.tolerated and not lenient:
            raise Broken(f"tolerated, strict: {said.tolerated}")


def _check_value(value: object) -> None:
    if type(value) is str:
        _check_text(value)
    elif type(value) is float:
        if not math.isfinite(value):
            raise Broken(f"a value is {value}")
    elif type(value) is int:
        if not -_INT64 <= value < _INT64:
            raise Broken(f"a value is {value}")
    elif type(value) is not bool:
        raise Broken(f"a value is a {type(value).__name__}")


def _check_text(text: str) -> None:
    """PostgreSQL takes it: no NUL, no half of a surrogate pair."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Broken(f"a text that cannot be stored: {text[:40]!r}")


def _check_data(data: str) -> None:
    document = json.loads(data)
    if type(document) is not dict:
        raise Broken(f"an event's data is no object: {data[:40]}")
    waiting: list[object] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif value is not None:
            _check_value(value)


def _what(said: Sequence[Said]) -> str:
    """The outcome in a word, by the most that is said."""
    for name, there in (
        ("readings", any(one.readings for one in said)),
        ("events", any(one.events for one in said)),
        ("parts", any(one.fragments for one in said)),
        ("missing values", any(one.missing for one in said)),
    ):
        if there:
            return name
    return "refused in all its parts"


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """CPU time of ours: other work on the machine does not count."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def kept(given: Input, seed: int, why: str, keep: Path) -> None:
    """Leave an input as a folder that can become a case of `tests/cases`."""
    folder = keep / given.codec / f"{cases.OWN}{seed}_{given.number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "payload.hex").write_text(given.payload.hex() + "\n", "ascii")
    if given.options:
        _write(folder / "options.json", given.options)
    source = f"Made by `muster bench fuzz --seed {seed} --first {given.number} --inputs 1`"
    (folder / "source.txt").write_text(f"{source} ({given.way}): {why}\n", "utf-8")


def _write(file: Path, document: Mapping[str, object]) -> None:
    file.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
