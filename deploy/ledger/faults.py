"""What can go wrong, one function a fault: it strikes, lasts, and heals before it returns.

Each is named after its row of the fault matrix (reliability.md, section 2). How long one lasts is
drawn from the run's own chance, within the row's bounds.
"""

import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import psycopg

from deploy.embedded.processes import wait_until
from deploy.ledger import trials
from deploy.ledger.clock import is_available as clock_is_available
from deploy.ledger.disk import Disk
from deploy.ledger.disk import is_available as disk_is_available
from deploy.ledger.ground import BRIDGE, RECOVERY_SECONDS, Ground
from deploy.ledger.proxy import Mode, Proxy
from deploy.ledger.trials import NeverStruck
from foundation.errors import MusterError

Fault = Callable[[Ground, Random], None]

_COMMIT = b"Q\0\0\0\x0bCOMMIT\0"  # PostgreSQL protocol 3.0, simple query
_DIES_WITHIN_SECONDS = 60.0


def f1_bridge_dies_before_commit(ground: Ground, chance: Random) -> None:
    """Killed with a batch written and not committed."""
    _restart_to_die(ground, "before_commit")


def f1_bridge_killed(ground: Ground, chance: Random) -> None:
    """Kill -9 at any moment."""
    ground.signal_bridge(signal.SIGKILL)


def f2_bridge_dies_after_commit(ground: Ground, chance: Random) -> None:
    """Killed with a batch committed and not acknowledged."""
    _restart_to_die(ground, "after_commit")


def f3_bridge_stands_still(ground: Ground, chance: Random) -> None:
    """SIGSTOP, for less or for more than the broker's patience."""
    ground.signal_bridge(signal.SIGSTOP)
    time.sleep(chance.choice((5.0, 12.0, 50.0)))
    ground.signal_bridge(signal.SIGCONT)


def f4_bridge_away(ground: Ground, chance: Random) -> None:
    """Nobody takes what the broker has."""
    with ground.without_bridge():
        time.sleep(chance.uniform(5, 20))


def f6_broker_restarted(ground: Ground, chance: Random) -> None:
    """A clean restart."""
    ground.broker.stop()
    ground.broker.start()


def f7_broker_killed(ground: Ground, chance: Random) -> None:
    """Kill -9: it forgets what it acknowledged since its last save."""
    ground.broker.kill()
    time.sleep(chance.uniform(0, 3))
    ground.broker.start()


def f8_broker_killed_behind_a_bridge_that_stands(ground: Ground, chance: Random) -> None:
    """Packet ids of the old connection mean other messages on the new one."""
    ground.signal_bridge(signal.SIGSTOP)
    time.sleep(1)
    ground.broker.kill()
    ground.broker.start()
    ground.signal_bridge(signal.SIGCONT)


def f9_broker_stands_still(ground: Ground, chance: Random) -> None:
    """SIGSTOP of the broker."""
    _stand_still(ground.broker.pid, chance.uniform(5, 40))


def f10_disk_of_broker_and_spool_full(ground: Ground, chance: Random) -> None:
    """The broker cannot save, and what is held has no place."""
    disk = _disk(ground.own_disk)
    disk.fill()
    time.sleep(chance.uniform(5, 20))
    disk.free()


def f12_store_of_the_broker_torn(ground: Ground, chance: Random) -> None:
    """Half of its file is gone after a crash; where it refuses to start, it starts with none."""
    ground.broker.kill()
    store = ground.broker.directory / "data" / "mosquitto.db"
    if store.exists():
        os.truncate(store, store.stat().st_size // 2)
    try:
        ground.broker.start()
    except MusterError:
        store.unlink()
        ground.broker.start()


def f13_database_killed(ground: Ground, chance: Random) -> None:
    """Kill -9 of the postmaster and every backend."""
    ground.cluster.kill()
    time.sleep(chance.uniform(0, 10))
    ground.cluster.start(RECOVERY_SECONDS)


def f14_backends_terminated(ground: Ground, chance: Random) -> None:
    """Every connection of the platform is cut by an administrator."""
    ground.query(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where usename in ('muster_bridge', 'muster_jobs')"
    )


def f15_database_stands_still(ground: Ground, chance: Random) -> None:
    """SIGSTOP of the bridge's backends: connected, and no answer."""
    pids = ground.query("select pid from pg_stat_activity where usename = 'muster_bridge'")
    try:
        for (pid,) in pids:
            _send(pid, signal.SIGSTOP)
        time.sleep(chance.uniform(5, 40))
    finally:
        for (pid,) in pids:
            _send(pid, signal.SIGCONT)


def f15_table_locked(ground: Ground, chance: Random) -> None:
    """Somebody holds a lock on what we write to."""
    with psycopg.connect(ground.dsn()) as conn:
        conn.execute("set lock_timeout = '20s'")
        try:
            conn.execute("lock table telemetry.batch, telemetry.receipt in exclusive mode")
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            raise NeverStruck from None
        time.sleep(chance.uniform(5, 20))


def f16_cut_during_commit(ground: Ground, chance: Random) -> None:
    """COMMIT arrives, its answer does not: nothing is known."""
    before = ground.to_database.cuts
    ground.to_database.cut_once_at(_COMMIT)
    if not wait_until(lambda: ground.to_database.cuts > before, 60):
        raise NeverStruck


def f17_disk_of_the_database_full(ground: Ground, chance: Random) -> None:
    """No row and no WAL can be written (F18): errors, or a PANIC and a restart that fails, too."""
    disk = _disk(ground.database_disk)
    disk.fill()
    time.sleep(chance.uniform(5, 20))
    disk.free()


def f20_power_of_the_database_lost(ground: Ground, chance: Random) -> None:
    """What it had not synced is gone."""
    disk = _disk(ground.database_disk)
    disk.lose_power()
    ground.cluster.kill()
    disk.restore()
    ground.cluster.start(RECOVERY_SECONDS)


def f20_power_of_broker_and_spool_lost(ground: Ground, chance: Random) -> None:
    """While the database is away, so that the spool is in use."""
    disk = _disk(ground.own_disk)
    ground.cluster.kill()
    time.sleep(chance.uniform(3, 8))
    disk.lose_power()
    assert ground.bridge is not None
    for process in (ground.bridge, ground.jobs):
        if process is not None:
            process.kill()
            process.wait()
    ground.broker.kill()
    disk.restore()
    ground.broker.start()
    ground.start_bridge()
    ground.start_jobs()
    ground.cluster.start(RECOVERY_SECONDS)


def f24_broker_out_of_reach(ground: Ground, chance: Random) -> None:
    """Black hole, half-open, one byte at a time, 64 kbit/s or RST between broker and bridge."""
    _fail_network(ground.to_broker, chance)


def f24_terminals_out_of_reach(ground: Ground, chance: Random) -> None:
    """The same between the terminals and the broker."""
    _fail_network(ground.terminals_to_broker, chance)


def f25_database_out_of_reach(ground: Ground, chance: Random) -> None:
    """A black hole between the platform and its database."""
    ground.to_database.set(Mode.BLACK_HOLE)
    time.sleep(chance.uniform(5, 45))
    ground.to_database.set(Mode.THROUGH)


def f26_terminals_flap(ground: Ground, chance: Random) -> None:
    """Connections come and go each second."""
    for _ in range(chance.randint(5, 15)):
        ground.terminals_to_broker.reset()
        time.sleep(1)


def f52_two_bridges_of_one_name(ground: Ground, chance: Random) -> None:
    """A second one of the same name is started by mistake, and must leave."""
    first, kept = ground.bridge, ground.metrics_port
    second = ground.start_bridge(BRIDGE)
    ground.bridge, ground.metrics_port = first, kept
    try:
        second.wait(_DIES_WITHIN_SECONDS)
    finally:
        second.kill()
        second.wait()


LOSE_WHAT_IS_ACKNOWLEDGED = (
    trials.f5_bridge_away_beyond_the_queue,
    f7_broker_killed,
    f8_broker_killed_behind_a_bridge_that_stands,
    trials.f8_packet_ids_given_anew,
    f10_disk_of_broker_and_spool_full,
    f12_store_of_the_broker_torn,
    f20_power_of_broker_and_spool_lost,
)
"""What the broker has acknowledged and not saved: lost to terminals that wait for no receipt."""

NEED_DISKS = (
    f10_disk_of_broker_and_spool_full,
    f17_disk_of_the_database_full,
    f20_power_of_the_database_lost,
    f20_power_of_broker_and_spool_lost,
)

ALL: Mapping[str, Fault] = {
    name: found
    for name, found in sorted({**globals(), **vars(trials)}.items())
    if re.match(r"f\d", name)
}


def impossible(*, plain: bool) -> dict[str, str]:
    """The names of those that cannot strike on this machine, or at plain terminals, and why."""
    found = dict.fromkeys(LOSE_WHAT_IS_ACKNOWLEDGED, "plain terminals lose by it") if plain else {}
    if not disk_is_available(Path(tempfile.gettempdir())):
        found |= dict.fromkeys(NEED_DISKS, "it needs root, and a kernel with loop devices")
    if not clock_is_available():
        found[trials.f27_clock_of_the_server_jumps] = "it needs a C compiler (cc)"
    return {name: found[fault] for name, fault in ALL.items() if fault in found}


def _restart_to_die(ground: Ground, where: str) -> None:
    """Stop the bridge and start one that dies at a place in its code; then one that does not."""
    ground.kill_bridge()
    doomed = ground.start_bridge(MUSTER_TEST_CRASH_AT=where)
    ground.bridge = None
    died = wait_until(lambda: doomed.poll() is not None, _DIES_WITHIN_SECONDS)
    doomed.kill()
    doomed.wait()
    ground.start_bridge()
    if not died:
        raise NeverStruck


def _disk(disk: Disk | None) -> Disk:
    if disk is None:
        raise NeverStruck
    return disk


def _stand_still(pid: int | None, seconds: float) -> None:
    assert pid is not None
    _send(pid, signal.SIGSTOP)
    time.sleep(seconds)
    _send(pid, signal.SIGCONT)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _fail_network(way: Proxy, chance: Random) -> None:
    how = chance.choice((None, Mode.BLACK_HOLE, Mode.HALF_OPEN, Mode.SLICES, Mode.THROTTLED))
    if how is None:
        way.reset()
        return
    way.set(how)
    time.sleep(chance.uniform(5, 60))
    way.set(Mode.THROUGH)
