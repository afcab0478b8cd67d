"""`muster bench codecs`: what a message costs each codec, against `json` with four metrics.

The frames are those of the cases, other people's, and only those that are read without refusal;
each turn decodes them round and round. CPU time of this process alone counts, so that other work
on the machine weighs on figure and yardstick alike. What a turn has decoded is counted, and has to
be what its frames say.
"""

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from broker_bridge import decoders
from broker_bridge.decoders import Said
from deploy.bench import cases
from deploy.bench.cases import RECEIVED_US, Case
from deploy.bench.figures import figures
from deploy.bench.processes import RoundFailed
from deploy.simulator.numbered import Numbering

YARDSTICK = "json, 4 metrics"
_GOAL = 10.0
_DISTINCT = 1_000
"""How many different messages the yardstick has."""
_OF_A_FRAME = 100
"""Of a turn's messages so many parts make the turn of one frame alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`messages` a turn, at least: whole rounds of a contender's frames."""

    rounds: int = 7
    messages: int = 20_000


@dataclass(frozen=True, slots=True)
class Contender:
    """A codec and its frames."""

    title: str
    codec: str
    frames: Sequence[Case]

    @property
    def mean_bytes(self) -> float:
        """Of a frame, as it comes through MQTT."""
        return sum(len(frame.payload) for frame in self.frames) / len(self.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A contender's turn: CPU time a message, and what all its messages said."""

    round: int
    who: str
    us: float
    messages: int
    readings: int
    values: int
    events: int
    fragments: int


def run(plan: Plan, tell: Callable[[str], None], directory: Path = cases.HERE) -> dict[str, Any]:
    """Measure; the result as JSON."""
    contenders = [_yardstick()]
    for codec, frames in cases.all_readable(directory).items():
        contenders.append(Contender(codec, codec, frames))
    turns: list[Turn] = []
    for number in range(1, plan.rounds + 1):
        for who in contenders[number % len(contenders) :] + contenders[: number % len(contenders)]:
            tell(f"round {number} of {plan.rounds}: {who.title}")
            turns.append(measure(who, plan.messages, number))
    of = {who.title: [turn for turn in turns if turn.who == who.title] for who in contenders}
    goals = [
        (who.title, f"{who.title} / {YARDSTICK}", "<=", _GOAL, _us(of[who.title]),
         _us(of[YARDSTICK]))
        for who in contenders[1:]
    ]  # fmt: skip
    return {
        "benchmark": "codecs",
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "plan": asdict(plan),
        "contenders": [
            {
                "who": who.title,
                "frames": len(who.frames),
                "bytes": round(who.mean_bytes, 1),
                "us": round(median(_us(of[who.title])), 3),
                "slowest": _slowest(who, plan.messages // _OF_A_FRAME),
            }
            for who in contenders
        ],
        "figures": [asdict(figure) for figure in figures(goals)],
        "turns": [asdict(turn) for turn in turns],
    }


def measure(who: Contender, messages: int, number: int) -> Turn:
    """Decode a contender's frames in turn, `messages` at least; `RoundFailed` if one says less."""
    decode = decoders.find(who.codec)
    assert decode is not None
    frames = [(frame.payload, frame.options) for frame in who.frames]
    once = counted([said for frame in who.frames for said in frame.decoded(who.codec)])
    times = -(-messages // len(frames))
    answers: list[Said] = []
    spent_ns = 0
    for _ in range(times):
        answers.clear()
        began = time.process_time_ns()
        for payload, options in frames:
            answers += decode(payload, RECEIVED_US, options)
        spent_ns += time.process_time_ns() - began
        if counted(answers) != once:
            raise RoundFailed(f"{who.title} did not say the same of its frames again.")
    total = times * len(frames)
    said = {name: count * times for name, count in once.items()}
    return Turn(round=number, who=who.title, us=spent_ns / 1000 / total, messages=total, **said)


def counted(answers: Sequence[Said]) -> dict[str, int]:
    """How much is said."""
    readings = [reading for said in answers for reading in said.readings]
    return {
        "readings": len(readings),
        "values": sum(len(reading.values) for reading in readings),
        "events": sum(len(said.events) for said in answers),
        "fragments": sum(len(said.fragments) for said in answers),
    }


def _yardstick() -> Contender:
    numbering = Numbering(base_ms=RECEIVED_US // 1000, step_ms=1000, per_terminal=_DISTINCT)
    payloads = enumerate(numbering.payloads("BENCH"), 1)
    return Contender(YARDSTICK, "json", [Case(str(n), payload, {}) for n, payload in payloads])


def _us(turns: Sequence[Turn]) -> list[float]:
    return [turn.us for turn in turns]


def _slowest(who: Contender, messages: int) -> dict[str, Any]:
    """The frame that costs most of all, told by one turn of its own."""
    if who.title == YARDSTICK:
        return {}
    costs = {
        frame.name: measure(Contender(frame.name, who.codec, [frame]), messages, 0).us
        for frame in who.frames
    }
    name = max(costs, key=costs.__getitem__)
    return {"case": name, "us": round(costs[name], 1)}
