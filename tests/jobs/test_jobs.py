"""The jobs process: follows the feed, counts the fleet, one leader at a time."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from deploy.embedded.ports import free_port
from deploy.embedded.processes import wait_until
from registry.model import DeviceProfile
from telemetry import batches
from tests.conftest import Database
from tests.country import settled
from tests.telemetry.ground import EVERY_KIND, NOON_US, define, rows_of


class Jobs:
    """One process and its metrics."""

    def __init__(self, database: Database, **chosen: str) -> None:
        """`chosen` are settings of its own."""
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy.jobs"],
            env={k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
            | {
                "MUSTER_DATABASE_URL": database.jobs,
                "MUSTER_METRICS_LISTEN": f"127.0.0.1:{self.port}",
            }
            | {f"MUSTER_{name}": value for name, value in chosen.items()},
        )

    def metric(self, series: str) -> float | None:
        """One series as it is now; None when there is none, or nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
                found = re.search(
                    rf"^{re.escape(series)} (\S+)$", answer.read().decode(), re.MULTILINE
                )
        except OSError:
            return None
        return float(found[1]) if found else None

    def leads(self) -> bool:
        """Whether it says that it does the work."""
        return self.metric("muster_jobs_leader") == 1


@contextmanager
def running(database: Database, **chosen: str) -> Iterator[Jobs]:
    """A jobs process that is gone afterwards."""
    jobs = Jobs(database, **chosen)
    try:
        yield jobs
    finally:
        if jobs.process.poll() is None:
            jobs.process.kill()
        jobs.process.wait()


def feed(database: Database, profile: DeviceProfile, n: int, volts: float) -> None:
    """A committed batch of one reading of terminal 1."""
    row = batches.feed_row(rows_of(profile, [(1, NOON_US + n, {"voltage": volts})]))
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "insert into telemetry.bridge (name, last_n) values ('bridge-1', %s)"
            " on conflict (name) do update set last_n = excluded.last_n",
            (n,),
        )
        conn.execute(
            "insert into telemetry.batch (bridge, n, profile_id, rows, terminal_ids, times_us,"
            " received_us, columns, first_us)"
            " values ('bridge-1', %s, %s, %s, %s, %s, %s, %s, %s)",
            (n, *row.values()),
        )


def latest(database: Database) -> list[tuple[str, float]]:
    """The newest values that are kept."""
    with psycopg.connect(database.superuser) as conn:
        return conn.execute("select metric, number from telemetry.latest").fetchall()


@pytest.mark.timeout(120)
async def test_the_next_leader_goes_on_where_the_last_one_was_killed(database: Database) -> None:
    """Two processes: one leads; when it dies the other takes over and skips no batch."""
    profile = await define(database, EVERY_KIND)
    with ExitStack() as stack:
        first = stack.enter_context(running(database))
        assert wait_until(first.leads, 30)
        second = stack.enter_context(running(database))
        feed(database, profile, 1, 230.0)
        assert wait_until(lambda: latest(database) == [("voltage", 230.0)], 30)
        assert not second.leads()

        first.process.kill()
        first.process.wait()
        feed(database, profile, 2, 231.0)

        assert wait_until(lambda: latest(database) == [("voltage", 231.0)], 30)
        assert second.leads()
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(20) == 0


def test_the_fleet_is_counted_by_sector_province_and_state(database: Database) -> None:
    """A terminal shows in muster_terminals under its province, and only there."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "insert into registry.region values (0, 999999, 'headquarters', null, 'H', 'H'),"
            " (320000, 329999, 'province', 0, 'J', 'J'),"
            " (320100, 320199, 'city', 320000, 'N', 'N');"
            "insert into registry.profile (code, sector, title_zh, title_en, codec,"
            " expected_interval_seconds) values ('p', 'power', 'p', 'p', 'json', 60);"
            "insert into registry.terminal (code, state, profile_id, region_code)"
            " values ('M-1', 'in_service', 1, 320100)"
        )

    with running(database) as jobs:
        series = 'muster_terminals{province="320000",sector="power",state="in_service"}'
        assert wait_until(lambda: jobs.metric(series) == 1, 30)
        assert jobs.metric('muster_terminals_online{province="320000",sector="power"}') == 0


def test_a_period_of_a_sim_ends_whichever_process_leads(database: Database) -> None:
    """Two processes stand ready: what is due is moved on, once, and told in the history."""
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "insert into registry.region values (0, 999999, 'headquarters', null, 'H', 'H');"
            "insert into registry.sim (iccid, state, test_until, silent_until, region_code) values"
            " ('89860012345678901234', 'testing', now() - interval '1 day', null, 0),"
            " ('89860012345678901235', 'testing', now(), now() + interval '1 day', 0)"
        )

    def states() -> list[tuple[str, str]]:
        with psycopg.connect(database.superuser) as conn:
            query = "select state, set_by from registry.sim order by iccid"
            return conn.execute(query).fetchall()

    with running(database), running(database):
        assert wait_until(lambda: states() == [("active", "system"), ("silent", "system")], 30)
    with psycopg.connect(database.superuser) as conn:
        told = conn.execute(
            "select to_state, actor from registry.sim_state_change order by sim_id"
        ).fetchall()
    assert told == [("active", "system:jobs"), ("silent", "system:jobs")]


@pytest.mark.timeout(120)
async def test_trials_end_and_packages_begin_when_their_time_has_come(database: Database) -> None:
    """Of two clients one falls back to the tier after its trial, the other is given its package."""
    async with settled(database):
        pass
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "insert into registry.tier (code, title_zh, title_en, offline_factor, history_days,"
            " trial_days, after_trial) values ('trial', 't', 't', 2, 30, 9, 'gold'),"
            " ('silver', 's', 's', 2, 30, null, null);"
            "update registry.group_client set tier_code = 'trial', tier_until = now()"
            " where code = 'power-js';"
            "insert into registry.package (code, title_zh, title_en, tier_code)"
            " values ('p', 'p', 'p', 'silver');"
            "insert into registry.client_package (group_client_id, package_id, state, valid_from,"
            " applied_by) select c.id, p.id, 'planned', now(), 'user:x'"
            " from registry.group_client c, registry.package p where c.code = 'power-zj'"
        )

    def served() -> list[tuple[str, str | None]]:
        with psycopg.connect(database.superuser) as conn:
            return conn.execute(
                "select c.tier_code, x.state from registry.group_client c"
                " left join registry.client_package x on x.group_client_id = c.id order by c.code"
            ).fetchall()

    with running(database):
        assert wait_until(lambda: served() == [("gold", None), ("silver", "in_force")], 60)


def test_unusable_settings_are_told_and_exit_2() -> None:
    """Without a database there is nothing to do; the sentence names the variable."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.jobs"],
        env={k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "MUSTER_DATABASE_URL is not set" in done.stderr
