"""Keeps in the database how this bridge is, and until when it has heard, and stored, what was said.

So a terminal's silence is told from ours: presence counts only the time in which somebody listened.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from broker_bridge.session import Session
from foundation import queries
from foundation.database import Pool, transaction
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.shutdown import paused

log = get_logger(__name__)
sql = queries.load("broker_bridge", "hearing.sql")

TURN_SECONDS = 1.0
_SECOND_US = 1_000_000
_BREAK_US = 5 * _SECOND_US  # between two turns: this process stood still


class Hearing:
    """How far a bridge's session has been heard and settled."""

    def __init__(
        self, session: Session, held_since_us: Callable[[], int | None] = lambda: None
    ) -> None:
        """`held_since_us` tells when the oldest message came that waits on the disk."""
        self._session = session
        self._held_since_us = held_since_us
        self._since_us: int | None = None
        self._last_turn_us = 0

    async def keep(
        self,
        pool: Pool,
        bridge: str,
        standing: Callable[[], Mapping[str, object]],
        stop: asyncio.Event,
    ) -> None:
        """Write it down every second until `stop`; a database that is away learns it later.

        `standing` is what the query `note_standing` takes.
        """
        while not await paused(stop, TURN_SECONDS):
            heard = self.turn(time.time_ns() // 1000)
            given = {"bridge": bridge}
            try:
                async with transaction(pool) as conn:
                    await conn.execute(sql.note_standing, {**given, **standing()})
                    if heard is not None:
                        span = {"until_us": heard[0], "since_us": heard[1]}
                        await conn.execute(sql.note_hearing, given | span)
            except MusterError as error:
                log.debug("hearing is not noted", reason=str(error))

    def turn(self, now_us: int) -> tuple[int, int] | None:
        """Until when everything is heard and settled, and since when without a break (Unix us).

        None while nothing is listened for: no connection, or reading waits for settlements.
        """
        session = self._session
        stood_still = abs(now_us - self._last_turn_us) > _BREAK_US  # or the clock was set
        self._last_turn_us = now_us
        if not session.connected or not session.subscribed or session.paused:
            self._since_us = None
            return None
        if self._since_us is None or stood_still:
            self._since_us = now_us
        until_us = session.heard_us
        if session.unsettled():
            waiting_us = int(session.oldest_unsettled_seconds(now_us) * _SECOND_US)
            until_us = min(until_us, now_us - waiting_us)
        held_since_us = self._held_since_us()
        if held_since_us is not None:
            until_us = min(until_us, held_since_us)
        return until_us, self._since_us
