"""The work itself: each job a loop of short transactions that a lost database only delays."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import psycopg
from psycopg import AsyncConnection

from deploy.jobs.gauges import Gauges
from foundation.database import KEEPALIVES, Pool, application, transaction
from foundation.errors import MusterError
from foundation.logs import get_logger
from foundation.settings import Settings
from foundation.shutdown import paused
from registry import (
    certificates,
    client_files,
    client_packages,
    client_tiers,
    directory,
    due_transfers,
    idempotency,
    refused_logins,
    sims,
)
from registry.imports import running as importing
from registry.scope import Scope
from telemetry import (
    batches,
    completeness,
    conditions,
    gauges,
    latest,
    quarantine,
    receipts,
    retention,
    roll_call,
    rollups,
    supervision_days,
    watch,
)
from telemetry.alarms import judge, vigil
from telemetry.exports import running as exporting
from telemetry.notifications import posting

log = get_logger(__name__)

SYSTEM = Scope.system("jobs")
FEED_KEPT_SECONDS = 3600
IDLE_SECONDS = 0.2
WATCH_SECONDS = 2
ACCOUNT_SECONDS = 2
ROLL_SECONDS = 1
SWEEP_SECONDS = 60
TIDY_SECONDS = 2
PERIODS_SECONDS = 5
COUNT_SECONDS = 15
SUPERVISE_SECONDS = 60
BINDINGS_SECONDS = 3600
DAY_SECONDS = 20
STORAGE_SECONDS = 300
ENDING_DAYS = (1, 7, 30)
TRANSFER_SECONDS = 1
RETRY_SECONDS = 2
_LEADER = "select pg_try_advisory_lock(hashtextextended('muster jobs', 0))"


async def work(pool: Pool, given: Settings, shown: Gauges, stop: asyncio.Event) -> None:
    """Lead as soon as no other process does, and do every job until `stop`."""
    while not stop.is_set():
        try:
            async with _leadership(given.database(), stop) as lost:
                if not stop.is_set():
                    shown.leader.set(1)
                    await _lead(pool, given, shown, lost)
        except (psycopg.Error, OSError) as error:
            log.warning("not leading", reason=str(error).strip())
        finally:
            shown.leader.set(0)
        await paused(stop, RETRY_SECONDS)


@asynccontextmanager
async def _leadership(dsn: str, stop: asyncio.Event) -> AsyncIterator[asyncio.Event]:
    """Wait to be the leader; the event is set when we are to stop or the lock may be lost."""
    over = asyncio.Event()
    async with await AsyncConnection.connect(
        dsn, autocommit=True, application_name=application("jobs leader"), **KEEPALIVES
    ) as conn:
        while not stop.is_set():
            row = await (await conn.execute(_LEADER)).fetchone()
            if row is not None and row[0]:
                break
            await paused(stop, RETRY_SECONDS)

        async def watch() -> None:
            try:
                while not await paused(stop, RETRY_SECONDS):
                    await conn.execute("select 1")
            except psycopg.Error as error:
                log.warning("leadership lost", reason=str(error).strip())
            finally:
                over.set()

        watcher = asyncio.create_task(watch(), name="leadership")
        try:
            yield over
        finally:
            over.set()
            await watcher


async def _lead(pool: Pool, given: Settings, shown: Gauges, over: asyncio.Event) -> None:
    judging = judge.Judge()
    tidied_at = 0.0

    async def follow_latest() -> float:
        nonlocal tidied_at
        try:
            async with transaction(pool, SYSTEM.settings()) as conn:
                taken = await latest.catch_up(conn, judging.turn)
            # One after the other: both change what the judge knows by heart.
            if time.monotonic() - tidied_at >= TIDY_SECONDS:
                async with transaction(pool, SYSTEM.settings()) as conn:
                    await judging.tidy(conn)
                tidied_at = time.monotonic()
        except MusterError:
            judging.forget()
            raise
        shown.batches.labels(latest.FOLLOWER).inc(taken)
        return 0 if taken else IDLE_SECONDS

    watching = watch.Watch(vigil.Vigil())

    async def follow_presence() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            taken = await watching.turn(conn)
        shown.batches.labels(watch.FOLLOWER).inc(taken)
        return 0 if taken >= watch.MOST_BATCHES else WATCH_SECONDS

    calling = roll_call.RollCall()

    async def call_roll() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            some_are_left = await calling.turn(conn)
        return 0 if some_are_left else WATCH_SECONDS

    async def follow_completeness() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            taken = await completeness.catch_up(conn)
        shown.batches.labels(completeness.FOLLOWER).inc(taken)
        return 0 if taken >= completeness.MOST_BATCHES else ACCOUNT_SECONDS

    async def roll_up() -> float:
        now = datetime.now(UTC)
        async with transaction(pool, SYSTEM.settings()) as conn:
            taken = await rollups.catch_up(conn, now)
        shown.batches.labels(rollups.FOLLOWER).inc(taken)
        busy = taken >= rollups.MOST_BATCHES
        for daily, grain in ((False, "hourly"), (True, "daily")):
            async with transaction(pool, SYSTEM.settings()) as conn:
                rolled = await rollups.roll(conn, now, daily=daily)
            shown.rolled.labels(grain).inc(rolled)
            busy |= rolled == rollups.MOST_BUCKETS
        async with transaction(pool, SYSTEM.settings()) as conn:
            busy |= await rollups.fill_in(conn)
        return 0 if busy else ROLL_SECONDS

    async def transfer() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            if await due_transfers.execute_next(conn, SYSTEM):
                return 0
            await due_transfers.expire(conn, SYSTEM)
        return TRANSFER_SECONDS

    async def follow_conditions() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            taken = await conditions.catch_up(conn)
        shown.batches.labels(conditions.FOLLOWER).inc(taken)
        return 0 if taken >= conditions.MOST_BATCHES else IDLE_SECONDS

    async def sweep() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            await batches.forget(conn, FEED_KEPT_SECONDS)
            await directory.forget_changes(conn, SYSTEM)
            await refused_logins.forget(conn, SYSTEM)
            await watch.forget_changes(conn)
            await receipts.forget(conn)
        async with transaction(pool, SYSTEM.settings()) as conn:
            await quarantine.tidy(
                conn,
                days=given.quarantine_days,
                samples=given.quarantine_samples,
                most_bytes=given.quarantine_max_bytes,
            )
            await idempotency.forget(conn, SYSTEM)
        await importing.sweep(pool)
        await exporting.sweep(pool)
        await posting.forget(pool, given.notification_days)
        await posting.tell_again(pool)
        return SWEEP_SECONDS

    async def end_sim_periods() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            ended = await sims.end_periods(conn, SYSTEM)
        return 0 if ended == sims.MOST_ENDED else PERIODS_SECONDS

    async def end_verifications() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            ended = await client_files.end_verifications(conn, SYSTEM)
        return 0 if ended == client_files.MOST_ENDED else PERIODS_SECONDS

    async def end_trials() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            ended = await client_tiers.end_trials(conn, SYSTEM)
        return 0 if ended == client_tiers.MOST_ENDED else PERIODS_SECONDS

    async def begin_packages() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            begun = await client_packages.begin_next(conn, SYSTEM)
        return 0 if begun else PERIODS_SECONDS

    async def count() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            figures = await gauges.count(conn)
            lag = await rollups.measure(conn)
            ending = await certificates.count_ending(conn, SYSTEM, ENDING_DAYS)
            exports = await exporting.count(conn, SYSTEM)
            channels = await posting.count(conn)
        shown.show(figures)
        shown.show_rollups(lag)
        shown.show_ending(ending)
        shown.show_exports(exports)
        shown.show_channels(channels)
        return COUNT_SECONDS

    async def count_bindings() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            await supervision_days.count_bindings(conn)
        return BINDINGS_SECONDS

    async def supervise() -> float:
        async with transaction(pool, SYSTEM.settings()) as conn:
            provinces = await gauges.supervise(conn)
            customers = await gauges.count_customers(conn)
        shown.supervise(provinces)
        shown.show_customers(customers)
        return SUPERVISE_SECONDS

    async def take_day() -> float:
        now = datetime.now(UTC)
        async with transaction(pool, SYSTEM.settings()) as conn:
            taken = await supervision_days.take(conn, now, ZoneInfo(given.time_zone))
        if taken:
            shown.day_taken_at.set_to_current_time()
        async with transaction(pool, SYSTEM.settings()) as conn:
            await supervision_days.forget(conn, now, given.supervision_days)
        async with transaction(pool, SYSTEM.settings()) as conn:
            await completeness.forget_sums(conn, now.date(), given.completeness_days)
        return DAY_SECONDS

    async def tend_storage() -> float:
        busy = False
        async with transaction(pool, SYSTEM.settings()) as conn:
            listed = await retention.list_profiles(conn)
        for profile_id, code in listed.items():
            for act in (retention.drop_next, retention.compress_next):
                try:
                    async with transaction(pool, SYSTEM.settings()) as conn:
                        done = await act(conn, profile_id, code)
                except MusterError as error:  # somebody reads it: the others need not wait
                    shown.failures.labels("tend_storage").inc()
                    log.warning("storage not tended", profile=code, reason=str(error))
                    continue
                shown.tended(done)
                busy |= done.more
        async with transaction(pool, SYSTEM.settings()) as conn:
            shown.show_storage(await retention.measure(conn), datetime.now(UTC))
        return 0 if busy else STORAGE_SECONDS

    async with asyncio.TaskGroup() as tasks:
        for job in (
            follow_latest,
            follow_presence,
            call_roll,
            follow_completeness,
            follow_conditions,
            roll_up,
            transfer,
            sweep,
            end_sim_periods,
            end_verifications,
            end_trials,
            begin_packages,
            count,
            count_bindings,
            supervise,
            take_day,
            tend_storage,
        ):
            tasks.create_task(_repeat(job, shown, over), name=job.__name__)


async def _repeat(job: Callable[[], Awaitable[float]], shown: Gauges, over: asyncio.Event) -> None:
    """Do a job again and again, as long after each turn as the turn says."""
    while not over.is_set():
        try:
            wait = await job()
        except MusterError as error:
            shown.failures.labels(job.__name__).inc()
            log.warning("job failed", job=job.__name__, reason=str(error))
            wait = RETRY_SECONDS
        if wait:
            await paused(over, wait)
