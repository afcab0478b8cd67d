"""How much a terminal and a group client may send; the rest is flood, and is not even decoded.

A bucket of credits for each: a message takes one, and of its client's bytes as many as its payload
has; each second gives back as many as may be sent in it. A bucket holds what may be sent in ten
seconds, and one that has run dry for the first time in a while is filled once more, so that who was
cut off can send what it has kept. A message that finds a credit is taken whole, however large it
is. Times are of arrival, so messages out of the spool are counted as they came.
"""

import asyncio
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from foundation import queries
from foundation.database import Pool, transaction
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.shutdown import paused
from registry.model import TerminalRef

log = get_logger(__name__)
sql = queries.load("broker_bridge", "flood.sql")

BURST_SECONDS = 10
_LEARN_SECONDS = 60
_ROOM = 1024
_MOST_REMEMBERED = 10_000  # buckets that ran dry lately
_UNBOUNDED = 2**30


class Buckets:
    """Credits by number; what is not known yet is full."""

    def __init__(self, rate: int | None) -> None:
        """`rate` is how many a second; None takes what each number is given in `rates`."""
        self.rates: Mapping[int, int] = {}
        self.spent = array("i", bytes(4 * _ROOM))
        self._rate = rate
        self._filled_us: dict[int, int] = {}

    def take(self, number: int, at_us: int, cost: int = 1) -> bool:
        """Take credits of this bucket, which may have run dry; False if there is none."""
        if number >= len(self.spent):
            self.make_room(number)
        rate = self._rate or self.rates.get(number)
        most = _UNBOUNDED if rate is None else rate * BURST_SECONDS
        spent = self.spent[number]
        if rate is None:
            spent = 0
        elif spent >= most:
            since_us = at_us - self._filled_us.get(number, 0)
            # A time before that: some of a client's messages come out of the spool and some do not,
            # or our clock was set back; nobody is refused for either.
            earned = spent if since_us < 0 else int(rate * since_us / 1_000_000)
            if spent - earned >= most:
                return False
            spent = max(0, spent - earned)
            self._note(number, at_us)
        self.spent[number] = spent + cost
        return True

    def allow(self, rates: Mapping[int, int]) -> None:
        """What each number is given from now on; where that is another, the bucket is full."""
        for number in [n for n in self._filled_us if rates.get(n) != self.rates.get(n)]:
            del self._filled_us[number]
        self.rates = rates

    def make_room(self, number: int) -> None:
        """Have a place for this bucket."""
        size = len(self.spent)
        if number >= size:
            self.spent.extend(bytes(max(number + 1, size * 5 // 4) - size))

    def most(self) -> int:
        """How many credits the smallest bucket holds."""
        if self._rate is not None:
            return self._rate * BURST_SECONDS
        return min(self.rates.values(), default=_UNBOUNDED // BURST_SECONDS) * BURST_SECONDS

    def _note(self, number: int, at_us: int) -> None:
        """When this bucket was filled last; who needs no such note is as full as can be."""
        self._filled_us.pop(number, None)
        self._filled_us[number] = at_us
        if len(self._filled_us) > _MOST_REMEMBERED:
            del self._filled_us[next(iter(self._filled_us))]


@dataclass(frozen=True, slots=True)
class Rates:
    """How much a group client may send a second; None is as much as it likes."""

    messages: int | None = None
    bytes: int | None = None


class Flood:
    """Who sends more than allowed: a terminal by our setting, a client by its tier."""

    def __init__(self, terminal_rate: int) -> None:
        self._said = f"the terminal sends more than {terminal_rate} messages/s"
        self._terminals = Buckets(terminal_rate)
        self._clients = Buckets(None)
        self._bytes = Buckets(None)
        self._terminal_spent, self._client_spent = self._terminals.spent, self._clients.spent
        self._bytes_spent = self._bytes.spent
        self._terminal_most, self._client_most = self._terminals.most(), self._clients.most()
        self._bytes_most = self._bytes.most()

    def excess(self, ref: TerminalRef, at_us: int, size: int) -> str | None:
        """Why a message of this terminal is too much, or None; called for each message."""
        terminal, client = ref.id, ref.client_id or 0
        try:
            spent, of_client = self._terminal_spent[terminal], self._client_spent[client]
            bytes_spent = self._bytes_spent[client]
        except IndexError:
            self._terminals.make_room(terminal)
            self._clients.make_room(client)
            self._bytes.make_room(client)
            return self.excess(ref, at_us, size)
        if (
            spent < self._terminal_most
            and of_client < self._client_most
            and bytes_spent < self._bytes_most
        ):
            self._terminal_spent[terminal] = spent + 1
            self._client_spent[client] = of_client + 1
            self._bytes_spent[client] = bytes_spent + size
            return None
        if not self._terminals.take(terminal, at_us):
            return self._said
        if not self._clients.take(client, at_us):
            rate = self._clients.rates[client]
            return f"its group client sends more than its tier's {rate} messages/s"
        if not self._bytes.take(client, at_us, size):
            rate = self._bytes.rates[client]
            return f"its group client sends more than its tier's {rate} bytes/s"
        return None

    def allow(self, rates: Mapping[int, Rates]) -> None:
        """What group clients may send, by number; others may send anything."""
        self._clients.allow({n: one.messages for n, one in rates.items() if one.messages})
        self._bytes.allow({n: one.bytes for n, one in rates.items() if one.bytes})
        self._client_most, self._bytes_most = self._clients.most(), self._bytes.most()

    async def learn(self, pool: Pool, stop: asyncio.Event) -> None:
        """Read what clients may send once a minute, until `stop`."""
        while True:
            try:
                async with transaction(pool) as conn:
                    cursor = await conn.execute(sql.read_client_rates)
                    self.allow({row.pop("id"): Rates(**row) async for row in cursor})
            except MusterError as error:
                log.debug("the tiers' rates are not known", reason=str(error))
            if await paused(stop, _LEARN_SECONDS):
                return
