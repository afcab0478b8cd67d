"""What is due goes out: one delivery of a channel at a time, in order, until it is taken.

Several processes agree by a lease on the channel. What one leaves behind goes out again with the
same number, by which a receiver knows it. A channel that fails rests longer and longer; one that
has failed for a day is stopped, and says so.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from foundation import queries
from foundation.database import Connection, Pool, transaction
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.sealing import SealBroken, Sealing
from registry.scope import Scope
from telemetry import batches
from telemetry.notifications.carriers import Carriers, Outcome
from telemetry.notifications.channels import place_of
from telemetry.notifications.letters import Letter
from telemetry.notifications.model import TEXTUAL, ChannelKind, DeliveryForm, DeliveryState

sql = queries.load("telemetry", "notifications/posting.sql")
log = get_logger(__name__)

MOST_TAKEN = 2000
AT_ONCE = 16
MOST_TRIES = 12
DEAD_AFTER = timedelta(days=1)
_LEASE_SECONDS = 120  # longer than any try takes
_FIRST_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 900.0
_FORGOTTEN_AT_ONCE = 5000
AGAIN_AFTER_SECONDS = 600
"""After so long an Alertmanager hears again of what is open, well before it lets that end."""
_AGAIN_AT_ONCE = 20_000
_SYSTEM = Scope.system("notifications")

# How many changes go out together: a program gets all of each, people a sum and the first.
_MOST_TOGETHER = {ChannelKind.WEBHOOK: 100, ChannelKind.ALERTMANAGER: 500}
_MOST_SUMMED = 10_000
_MOST_SHOWN = 20
# How long after one message people are left alone, also as the services demand (20 a minute).
_PACE_SECONDS = {
    ChannelKind.MAIL: 30.0,
    ChannelKind.SMS: 60.0,
    ChannelKind.DINGTALK: 4.0,
    ChannelKind.WECOM: 4.0,
    ChannelKind.FEISHU: 1.0,
}


@dataclass(frozen=True, slots=True)
class _Task:
    """A delivery in hand, with the channel by which it goes."""

    channel: int
    kind: ChannelKind
    delivery: int
    form: DeliveryForm
    tries: int
    letter: Letter | None
    problem: str | None = None


async def spread(pool: Pool) -> tuple[int, int]:
    """Find by which channels the next turns of alarms are told: how many turns, for how many.

    And feed them, in the same transaction and so each once, to who follows what happens.
    """
    async with transaction(pool, _SYSTEM.settings()) as conn:
        row = await (await conn.execute(sql.spread, {"rows": MOST_TAKEN})).fetchone()
        if row is None or not row["taken"]:
            return 0, 0
        turns = await (await conn.execute(sql.list_turns, {"ids": row["taken"]})).fetchall()
        await batches.publish(conn, batches.OF_ALARMS, batches.alarms_row(turns))
    return len(row["taken"]), row["put"]


class Postman:
    """Sends what is due; `outcomes` are those of all tries since somebody took them out."""

    def __init__(self, pool: Pool, sealing: Sealing | None, carriers: Carriers) -> None:
        self._pool, self._sealing, self._carriers = pool, sealing, carriers
        self._holder: UUID = uuid4()
        self._at_work: set[asyncio.Task[None]] = set()
        self.outcomes: list[tuple[ChannelKind, str]] = []

    async def turn(self) -> int:
        """Begin what is due, as much as there is room for; how many channels were taken up."""
        room = AT_ONCE - len(self._at_work)
        if room <= 0:
            await asyncio.wait(self._at_work, return_when=asyncio.FIRST_COMPLETED)
            return 0
        asked = {"holder": self._holder, "seconds": _LEASE_SECONDS, "rows": room}
        async with transaction(self._pool, _SYSTEM.settings()) as conn:
            cursor = await conn.execute(sql.claim_channels, asked)
            channels = [row["channel_id"] async for row in cursor]
        for channel in channels:
            task = asyncio.create_task(self._serve(channel), name=f"channel {channel}")
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)
        return len(channels)

    async def finish(self) -> None:
        """Wait for what is on its way."""
        while self._at_work:
            await asyncio.wait(self._at_work)

    async def _serve(self, channel: int) -> None:
        try:
            async with transaction(self._pool, _SYSTEM.settings()) as conn:
                task = await self._next(conn, channel)
            if task is None:
                return
            outcome = Outcome(problem=task.problem)
            if task.letter is not None:
                outcome = await self._carriers.carry(task.letter)
            async with transaction(self._pool, _SYSTEM.settings()) as conn:
                await self._record(conn, task, outcome)
            self.outcomes.append((task.kind, outcome.problem or "delivered"))
        except MusterError as error:  # the lease ends, and somebody takes it up again
            log.warning("a channel waits", channel=channel, reason=str(error))
        except Exception:
            log.exception("a channel waits", channel=channel)

    async def _next(self, conn: Connection, channel: int) -> _Task | None:
        """What goes out next by a channel; None, and the channel given back, where nothing does."""
        named = {"channel": channel}
        state = await self._hold(conn, channel)
        row = await (await conn.execute(sql.find_claimed, named)).fetchone()
        if state is None or row is None:
            return None
        if not row["is_there"] or not row["is_live"]:
            await conn.execute(sql.drop_items, named | {"tests": not row["is_there"]})
        found = await (await conn.execute(sql.find_waiting, named)).fetchone()
        kind = ChannelKind(row["kind"])
        if found is None:
            most = _MOST_TOGETHER.get(kind, _MOST_SUMMED)
            cursor = await conn.execute(sql.list_due, named | {"rows": most})
            changes = [due["change_id"] async for due in cursor]
            if not changes:
                await self._give_back(conn, channel, state, delivered=False, rest_seconds=0)
                return None
            made = await conn.execute(sql.insert_delivery, named | {"changes": changes})
            found = await made.fetchone()
            assert found is not None
        letter, problem = None, None
        try:
            letter = await self._letter(conn, row, found)
        except SealBroken:
            problem = "seal_broken"
        return _Task(
            channel, kind, found["id"], DeliveryForm(found["form"]), found["tries"], letter, problem
        )

    async def _letter(
        self, conn: Connection, row: Mapping[str, Any], found: Mapping[str, Any]
    ) -> Letter:
        if self._sealing is None:
            raise SealBroken
        secrets = [
            self._sealing.open(bytes(sealed), place_of(row["place"], "secret")).decode()
            for sealed in (row["sealed_secret"], row["sealed_former_secret"])
            if sealed is not None
        ]
        address = self._sealing.open(
            bytes(row["sealed_address"]), place_of(row["place"], "address")
        )
        kind, named = ChannelKind(row["kind"]), {"delivery": found["id"]}
        shown = _MOST_SHOWN if kind in TEXTUAL else _MOST_TOGETHER[kind]
        told = await (await conn.execute(sql.list_told, named | {"rows": shown})).fetchall()
        counted = await conn.execute(sql.sum_told, named)
        return Letter(
            delivery=found["id"],
            channel=row["id"],
            kind=kind,
            form=DeliveryForm(found["form"]),
            language=row["language"],
            address=address.decode(),
            secrets=tuple(secrets),
            told=told,
            counts={(c["event"], c["severity"]): c["changes"] async for c in counted},
            console=self._carriers.console,
        )

    async def _record(self, conn: Connection, task: _Task, outcome: Outcome) -> None:
        state = await self._hold(conn, task.channel)
        if state is None:
            return  # somebody else took it up meanwhile, and records what becomes of it
        delivered = outcome.problem is None
        is_over = delivered or outcome.is_gone or task.form is DeliveryForm.TEST
        # What a target refuses again and again must not hold up all that follows; while nobody
        # is there, nothing is given up before the channel is.
        is_over = is_over or (task.tries + 1 >= MOST_TRIES and outcome.status is not None)
        became = DeliveryState.DELIVERED if delivered else DeliveryState.FAILED
        await conn.execute(
            sql.end_try,
            {
                "delivery": task.delivery,
                "status": outcome.status,
                "problem": outcome.problem,
                "state": became if is_over else DeliveryState.WAITING,
            },
        )
        rest = _PACE_SECONDS.get(task.kind, 0.0)
        named = {"channel": task.channel}
        if delivered and task.form is DeliveryForm.TEST:
            await conn.execute(sql.verify, named)
        elif outcome.is_gone:
            await conn.execute(sql.stop, named | {"because": "gone"})
        elif not delivered:
            rest = max(_rest(state["failures"]), outcome.wait_seconds)
            since = state["failing_since"]
            if since is not None and datetime.now(UTC) - since > DEAD_AFTER:
                await conn.execute(sql.stop, named | {"because": "unreachable"})
        await self._give_back(conn, task.channel, state, delivered=delivered, rest_seconds=rest)

    async def _hold(self, conn: Connection, channel: int) -> Mapping[str, Any] | None:
        asked = {"channel": channel, "holder": self._holder}
        return await (await conn.execute(sql.hold_state, asked)).fetchone()

    async def _give_back(
        self,
        conn: Connection,
        channel: int,
        state: Mapping[str, Any],
        *,
        delivered: bool,
        rest_seconds: float,
    ) -> None:
        failed = rest_seconds > 0 and not delivered
        failures = 0 if delivered else state["failures"] + failed
        since = state["failing_since"] or (datetime.now(UTC) if failed else None)
        await conn.execute(
            sql.give_back,
            {
                "channel": channel,
                "failures": failures,
                "failing_since": None if delivered else since,
                "delivered": delivered,
                "rest_seconds": rest_seconds,
            },
        )


def _rest(failures: int) -> float:
    """Seconds to leave a target alone that has failed so often before: doubled each time, and by
    chance up to half as long again, so that not all come back at once.
    """
    rest = min(_FIRST_REST_SECONDS * 2.0 ** min(failures, 20), _LONGEST_REST_SECONDS)
    return rest * random.uniform(1.0, 1.5)  # noqa: S311 - no secret


async def tell_again(pool: Pool) -> int:
    """Have Alertmanagers told again of what they heard of a while ago and is open; how much."""
    asked = {"seconds": AGAIN_AFTER_SECONDS, "rows": _AGAIN_AT_ONCE}
    async with transaction(pool, _SYSTEM.settings()) as conn:
        row = await (await conn.execute(sql.tell_again, asked)).fetchone()
    return 0 if row is None else int(row["changes"])


async def forget(pool: Pool, days: int) -> int:
    """Forget deliveries and turns of alarms after their days; how many, this time."""
    gone = 0
    for query in (sql.forget_deliveries, sql.forget_changes):
        async with transaction(pool, _SYSTEM.settings()) as conn:
            gone += (await conn.execute(query, {"days": days, "rows": _FORGOTTEN_AT_ONCE})).rowcount
    return gone


@dataclass(frozen=True, slots=True)
class Count:
    """Channels by how it goes with them, and how old the oldest turn of an alarm is that waits."""

    well: int
    failing: int
    stopped: int
    waiting_seconds: float


async def count(conn: Connection) -> Count:
    """How it goes with all channels."""
    row = await (await conn.execute(sql.count_channels)).fetchone()
    assert row is not None
    return Count(**row)
