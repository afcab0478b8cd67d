"""A fleet at work: one MQTT connection a terminal, all in one event loop, until told to stop."""

import asyncio
import heapq
import random
import resource
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import aiomqtt

from deploy.simulator.behaviour import Behaviour
from deploy.simulator.fleet import Member
from deploy.simulator.ledger import Entry, Ledger
from deploy.simulator.script import Line, Message, Script
from deploy.terminal import Kept
from foundation.errors import Invalid
from foundation.logs import get_logger
from foundation.shutdown import paused

_logger = get_logger(__name__)

_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 60.0
_CONNECTING_AT_ONCE = 32
_ANSWER_SECONDS = 10.0
_LAST_RECEIPT_SECONDS = 5.0
_MOST_KEPT = 1_000


class BrokerUrlInvalid(Invalid):
    """The broker's address must look like mqtt://host:1883 or mqtts://host:8883."""

    code = "broker_url_invalid"
    remedy = "Give the address with --broker or MUSTER_BROKER_URL."


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker listens, and how far its topics are prefixed."""

    host: str
    port: int
    prefix: str = "m2m/v1"
    tls: aiomqtt.TLSParameters | None = None

    @classmethod
    def at(cls, url: str, prefix: str = "m2m/v1", ca_file: str | None = None) -> "Broker":
        """The broker of an mqtt:// or mqtts:// URL; a user in it is not used."""
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise BrokerUrlInvalid
        if parts.scheme == "mqtt":
            return cls(parts.hostname, parts.port or 1883, prefix)
        tls = aiomqtt.TLSParameters(ca_certs=ca_file)
        return cls(parts.hostname, parts.port or 8883, prefix, tls)

    def topic(self, terminal: str, suffix: str) -> str:
        return f"{self.prefix}/{terminal}/{suffix}"


@dataclass(slots=True)
class Limit:
    """How many messages of a script may still be sent by the whole fleet; None is without end."""

    left: int | None
    reached: asyncio.Event

    def take(self) -> bool:
        """Whether one more message may be sent."""
        if self.left is None:
            return True
        if self.left == 0:
            return False
        self.left -= 1
        return True

    def settled(self) -> None:
        """Tell that a message is through; the last one ends the run."""
        if self.left == 0:
            self.reached.set()


async def run(
    members: Sequence[Member],
    behaviour: Behaviour,
    broker: Broker,
    ledger: Ledger,
    stop: asyncio.Event,
    *,
    count: int | None = None,
    duration_seconds: float | None = None,
) -> None:
    """Play every member's script until `stop` is set, `count` messages are sent or time is up.

    A gateway says on its connection what those behind it have to say.
    """
    _allow_many_sockets()
    boot = int(time.time())
    limit = Limit(count, stop)
    gate = asyncio.Semaphore(_CONNECTING_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        scripts = {member.code: Script(member, behaviour, boot) for member in members}
        behind: dict[str, list[Script]] = defaultdict(list)
        for member in members:
            if member.gateway is not None:
                behind[member.gateway].append(scripts[member.code])
        for member in members:
            if member.gateway is not None:
                continue
            script, others = scripts[member.code], behind[member.code]
            terminal = Terminal(script, behaviour, broker, ledger, limit, behind=others)
            group.create_task(terminal.live(gate, stop))
        if duration_seconds is not None:
            await paused(stop, duration_seconds)
            stop.set()


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Terminal:
    """One terminal's connection: says hello, follows its script, comes back when it is cut off."""

    def __init__(
        self,
        script: Script,
        behaviour: Behaviour,
        broker: Broker,
        ledger: Ledger,
        limit: Limit,
        *,
        behind: Sequence[Script] = (),
    ) -> None:
        self._script = script
        self._behaviour = behaviour
        self._broker = broker
        self._ledger = ledger
        self._limit = limit
        start = time.time() - behaviour.history_seconds
        self._lines = heapq.merge(*(one.lines(start) for one in (script, *behind)))
        self._furthest_back_seconds = max(behaviour.catch_up_seconds, behaviour.history_seconds)
        self._next: Line | None = None
        """The line that is waited for: drawn from the script, not yet due, still to be sent."""
        self._unsent: tuple[Line, int, int] | None = None
        """The line in hand, when it was first sent (us) and how often, until it is acknowledged."""
        self._kept = Kept(str(script.boot), most=_MOST_KEPT)
        self._receipts_come = False
        self._said: Message | None = None
        """The line in hand as it was sent last."""

    async def live(self, gate: asyncio.Semaphore, stop: asyncio.Event) -> None:
        """Stay connected until `stop`, backing off with a random part after each failure."""
        backoff = _FIRST_BACKOFF_SECONDS
        while not stop.is_set():
            began = time.monotonic()
            try:
                await self._session(gate, stop)
            except* aiomqtt.MqttError as errors:
                self._ledger.summary.refusals += 1
                why = str(errors.exceptions[0])
                _logger.debug("cut off", terminal=self._script.member.code, why=why)
            if time.monotonic() - began > _LONGEST_BACKOFF_SECONDS:
                backoff = _FIRST_BACKOFF_SECONDS
            await paused(stop, backoff * random.uniform(0.5, 1.0))
            backoff = min(2 * backoff, _LONGEST_BACKOFF_SECONDS)
        if self._unsent is not None:
            self._settle(None)

    async def _session(self, gate: asyncio.Semaphore, stop: asyncio.Event) -> None:
        """One connection from hello to farewell; raises when the broker ends it before."""
        client = self._client()
        async with AsyncExitStack() as stack:
            async with gate:
                await stack.enter_async_context(client)
            self._ledger.summary.connections += 1
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen(client))
                await client.subscribe(self._broker.topic(self._script.member.code, "receipt"), 1)
                await self._say(client, self._script.hello())
                await self._say(client, self._script.status("online"))
                insisting = group.create_task(self._insist(client))
                await self._follow(client, stop)
                await self._hear_the_last()
                await self._say(client, self._script.status("offline"))
                insisting.cancel()
                listening.cancel()

    def _client(self) -> aiomqtt.Client:
        member, will = self._script.member, self._script.status("offline")
        return aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=member.code,
            password=member.password,
            identifier=member.code,
            clean_session=True,
            keepalive=60,
            timeout=_ANSWER_SECONDS,
            tls_params=self._broker.tls,
            will=aiomqtt.Will(self._topic(will), will.payload, qos=1),
        )

    async def _follow(self, client: aiomqtt.Client, stop: asyncio.Event) -> None:
        """Send line after line when it is due; a line in hand from before comes first."""
        while not stop.is_set():
            if self._unsent is None:
                line = self._next = self._next or next(self._lines, None)
                if line is None:
                    await stop.wait()
                    return
                if line.at < time.time() - self._furthest_back_seconds:
                    self._next = None
                    continue
                if await paused(stop, line.at - time.time()) or not self._limit.take():
                    return
                self._unsent, self._next = (line, 0, 0), None
            line, first_sent_us, attempts = self._unsent
            self._unsent = (line, first_sent_us or _now_us(), attempts + 1)
            self._said = self._numbered(line.message)
            await self._publish(client, self._said)
            self._settle(_now_us() if self._behaviour.qos else None)

    def _numbered(self, message: Message) -> Message:
        """The message as it goes out: kept until its receipt, if it is a new one with a number."""
        if message.seq is None or message.expected == "duplicate" or not self._behaviour.receipts:
            return message
        kept = self._kept.keep(message.suffix, message.seq, message.payload)
        return replace(message, payload=self._kept.sending(kept, time.monotonic()))

    async def _insist(self, client: aiomqtt.Client) -> None:
        """Send again what an earlier connection left without a receipt, and what waits too long."""
        in_hand = None if self._unsent is None else self._unsent[0].message.seq
        overdue = [kept for kept in self._kept if kept.seq != in_hand]
        while True:
            for kept in overdue:
                payload = self._kept.sending(kept, time.monotonic())
                self._ledger.summary.resent += 1
                topic = self._broker.topic(self._script.member.code, kept.channel)
                await client.publish(topic, payload, qos=self._behaviour.qos)
            await asyncio.sleep(1)
            overdue = self._kept.due(time.monotonic())

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Hear receipts; raises `MqttError` as soon as the connection ends."""
        summary = self._ledger.summary
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            before = len(self._kept)
            summary.refused += len(self._kept.settle(message.payload))
            summary.receipted += before - len(self._kept)
            self._receipts_come = True

    async def _hear_the_last(self) -> None:
        """Wait for the receipts of what was sent last, where there are receipts at all."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_RECEIPT_SECONDS):
                while self._receipts_come and len(self._kept):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def _say(self, client: aiomqtt.Client, message: Message) -> None:
        """Send a message that is not part of the script, and record it."""
        sent_us = _now_us()
        await self._publish(client, message)
        self._record(message, sent_us, _now_us() if self._behaviour.qos else None, 1)

    async def _publish(self, client: aiomqtt.Client, message: Message) -> None:
        await client.publish(self._topic(message), message.payload, qos=self._behaviour.qos)

    def _topic(self, message: Message) -> str:
        return self._broker.topic(self._script.member.code, message.suffix)

    def _settle(self, acknowledged_us: int | None) -> None:
        """The line in hand is through, or given up."""
        assert self._unsent is not None
        line, sent_us, attempts = self._unsent
        self._unsent = None
        self._record(self._said or line.message, sent_us, acknowledged_us, attempts)
        self._said = None
        self._limit.settled()

    def _record(
        self, message: Message, sent_us: int, acknowledged_us: int | None, attempts: int
    ) -> None:
        self._ledger.record(
            Entry(
                terminal=message.speaker or self._script.member.code,
                boot=self._script.boot,
                kind=message.kind,
                topic=self._topic(message),
                seq=message.seq,
                ts_ms=message.ts_ms,
                digest=message.digest,
                expected=message.expected,
                sent_us=sent_us,
                acknowledged_us=acknowledged_us,
                attempts=attempts,
            )
        )


def _now_us() -> int:
    return time.time_ns() // 1000
