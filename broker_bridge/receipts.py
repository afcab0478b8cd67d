"""Tells terminals what has become of their messages: receipts, coalesced, after the commit only.

Cumulative and therefore expendable: a receipt that does not get through is made good by the next,
and a terminal that sends again is told again.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from broker_bridge.batch import Numbered, Refused
from telemetry.receipts import Receipt

CHANNEL = "receipt"
SECONDS_BETWEEN = 1.0
"""A terminal that is refused nothing hears of us at most once in so long."""
MOST_REFUSED = 50
"""Refusals of one terminal told at a time; of a storm the rest is told when it is sent again."""

# Sends these (topic, payload), or as many of them as may go out now; says how many that was.
Publish = Callable[[Iterable[tuple[str, bytes]]], int]
_Boot = tuple[str, str | None]  # the topic to tell it on, and the boot if it is of one


class Receipts:
    """What is still to be told; `tell` after each commit, within a running event loop."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._due: dict[_Boot, dict[str, Any]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def tell(
        self, kept: Sequence[Receipt], numbered: Sequence[Numbered], refused: Iterable[Refused]
    ) -> None:
        """Tell what a batch has settled: `kept` of its `numbered` messages, and its refusals."""
        topics = {(terminal_id, boot): said.topic for said, terminal_id, boot, _, _ in numbered}
        for receipt in kept:
            boot = _channel(topics[receipt.terminal_id, receipt.boot]), receipt.boot
            self._due.setdefault(boot, {"boot": receipt.boot})["seq"] = receipt.seq
        urgent = self._refuse(numbered, refused)
        if self._timer is None:
            self._send_due()
        elif urgent:
            self._send(urgent)

    def finish(self) -> None:
        """Send what is still due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._send(self._due)

    def _refuse(self, numbered: Sequence[Numbered], refused: Iterable[Refused]) -> set[_Boot]:
        """Note refusals, each by its number or else by its payload; gives whom they are for."""
        told = [one for one in refused if one.terminal_id is not None]
        if not told:
            return set()
        wanted = {one.delivery for one in told}
        numbers = {said: (boot, seq) for said, _, boot, seq, _ in numbered if said in wanted}
        refusals: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
        urgent = set()
        for delivery, _, reason, detail in told:
            boot, seq = numbers.get(delivery, (None, None))
            key = delivery.topic, boot
            if key not in refusals:
                channel = _channel(delivery.topic), boot
                due = self._due.setdefault(channel, {} if boot is None else {"boot": boot})
                refusals[key] = due.setdefault("refused", [])
                urgent.add(channel)
            if len(refusals[key]) < MOST_REFUSED:
                name = {"sha256": digest(delivery.payload)} if seq is None else {"seq": seq}
                refusals[key].append(name | {"reason": reason.value, "detail": detail})
        return urgent

    def _send_due(self) -> None:
        """Send everything, and then nothing but refusals for a while."""
        self._timer = None
        if self._due:
            self._send(self._due)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SECONDS_BETWEEN, self._send_due)

    def _send(self, boots: Iterable[_Boot]) -> None:
        chosen = list(boots)
        sent = self._publish((topic, _encoded(self._due[topic, boot])) for topic, boot in chosen)
        for boot in chosen[:sent]:
            del self._due[boot]


def digest(payload: bytes) -> str:
    """By which a refusal names a message that has no number: 8 bytes of its SHA-256, in hex."""
    return hashlib.sha256(payload).hexdigest()[:16]


def _channel(topic: str) -> str:
    return f"{topic.rpartition('/')[0]}/{CHANNEL}"


def _encoded(receipt: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"refused": []} | dict(receipt))
