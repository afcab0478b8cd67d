"""The feed of changes: whoever follows it misses nothing, however transactions overlap."""

import random
import threading
from collections.abc import Callable

import psycopg

from foundation import queries
from foundation.database import Pool
from tests.conftest import Database
from tests.country import register

READ = queries.load("registry", "directory.sql").read_changes
WRITERS, TRANSACTIONS = 4, 25


async def test_a_follower_sees_every_terminal_of_concurrent_transactions(
    pool: Pool, database: Database
) -> None:
    """Transactions of different lengths, some rolled back, overlap; none that commits is missed."""
    terminals = await register(pool, *(f"m-{n}" for n in range(WRITERS * TRANSACTIONS)))
    ids = [terminal.id for terminal in terminals]
    committed: set[int] = set()
    dice = random.Random(7)
    lock = threading.Lock()

    def write(own: list[int], pause: Callable[[], float], stop: threading.Event) -> None:
        with psycopg.connect(database.superuser) as conn:
            for terminal_id in own:
                conn.execute(
                    "update registry.terminal set name = 'x' where id = %s", (terminal_id,)
                )
                stop.wait(pause())
                if terminal_id % 5 == 0:
                    conn.rollback()
                    continue
                conn.commit()
                with lock:
                    committed.add(terminal_id)

    never = threading.Event()
    threads = [
        threading.Thread(target=write, args=(ids[n::WRITERS], lambda: dice.random() / 50, never))
        for n in range(WRITERS)
    ]
    seen: set[int] = set()
    with psycopg.connect(database.bridge, autocommit=True) as follower:
        position = "0"
        row = follower.execute("select pg_snapshot_xmin(pg_current_snapshot())::text").fetchone()
        assert row is not None
        position = row[0]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            position = _follow(follower, position, seen)
        for thread in threads:
            thread.join()
        _follow(follower, position, seen)

    assert seen == committed
    assert len(committed) == WRITERS * TRANSACTIONS * 4 // 5


def _follow(
    conn: psycopg.Connection[tuple[str, list[int], bool]], position: str, seen: set[int]
) -> str:
    row = conn.execute(READ.encode(), {"since": position}).fetchone()
    assert row is not None
    seen |= set(row[1])
    return row[0]


async def test_every_kind_of_change_is_noted(pool: Pool, database: Database) -> None:
    """Terminals with their present owners, wire names and credentials, profiles and metrics."""
    [terminal] = await register(pool, "m-1")
    changes = {
        "update registry.terminal set state = 'testing'": {("terminal", terminal.id)},
        "insert into registry.wire_name (terminal_id, kind, value) values (1, 'code', 'x')": {
            ("terminal", terminal.id)
        },
        "delete from registry.wire_name": {("terminal", terminal.id)},
        "update registry.credential set revoked_at = now()": {("credential", terminal.id)},
        "update registry.profile set title_en = 'x'": {("profile", terminal.profile_id)},
        "update registry.profile_metric set hidden = true": {("profile", terminal.profile_id)},
        "update registry.sim set apn = 'x'": set(),
    }

    with psycopg.connect(database.superuser, autocommit=True) as conn:
        noted = {}
        for change in changes:
            conn.execute("delete from registry.change")
            conn.execute(change.encode())
            noted[change] = set(conn.execute("select kind, id from registry.change").fetchall())

    assert noted == changes
