"""`muster bench import`: files of terminals with their SIMs, checked and applied (P7).

Each round sends a file of new terminals and has it checked and applied by a jobs process, as an
operator would, passwords and audit included. Its yardstick in the same round: the same rows of the
same tables put by COPY into tables with the same columns, constraints of a row and indexes, without
references, triggers, policies or anything that looks at a row. A small file before the first round
shows what the process holds at least; the most it holds after the last one says how flat that is.

With `kills` one more file is applied while the process is killed with -9 so many times in the
midst, each time taken up by the next one once nobody holds the job; then everything is counted.
"""

import asyncio
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from deploy.bench import ingest
from deploy.bench.figures import Figure, figures
from deploy.bench.import_ground import (
    CHUNK,
    PATIENCE_SECONDS,
    TABLES,
    Source,
    Watch,
    after,
    apply,
    check_books,
    lasts,
    one,
    sent,
    wait,
    worker,
)
from deploy.bench.processes import Child, RoundFailed, cpu_seconds, machine_cpu_seconds, wait_until
from deploy.bench.stand import Stand, built
from registry.imports.model import PORTION_ROWS

WANTED = 20_000.0
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Rows of a file and how many of them; how often one more of `rows` is broken off."""

    rows: int = 200_000
    rounds: int = 3
    kills: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One file: seconds of each job by its own clock, CPU in microseconds a row."""

    round: int
    rows: int
    check_seconds: float
    apply_seconds: float
    rate: float
    check_rate: float
    apply_rate: float
    copy_rate: float
    of_copy: float
    cpu_us: float
    database_cpu_us: float
    copy_cpu_us: float
    foreign_share: float
    peak_mb: float


def run(plan: Plan, tell: Told) -> dict[str, Any]:
    """Measure everything in the plan; the result as JSON."""
    tell("starting a throwaway database")
    small = min(plan.rows, PORTION_ROWS)
    with built(1, 1) as stand, psycopg.connect(stand.dsn(), autocommit=True) as watch:
        for role in ("muster_api", "muster_jobs"):
            stand.cluster.set_password(role)
        source = Source(stand, small + (plan.rounds + bool(plan.kills)) * plan.rows)
        _make_yardstick(watch)
        turns: list[Imported] = []
        with worker(stand) as jobs:
            tell(f"a first file of {small:,} rows")
            first = _measure(stand, watch, jobs, source, small, 0)
            for number in range(1, plan.rounds + 1):
                tell(f"round {number} of {plan.rounds}: {plan.rows:,} rows")
                turns.append(_measure(stand, watch, jobs, source, plan.rows, number))
        broken = broken_off(stand, watch, source, plan, tell) if plan.kills else None
        described = ingest.machine(stand)
    shares = [turn.of_copy for turn in turns] or [0.0]
    return {
        "benchmark": "import",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [asdict(figure) for figure in import_figures(first, turns)],
        "of_copy": {"median": median(shares), "low": min(shares), "high": max(shares)},
        "first": asdict(first),
        "rounds": [asdict(turn) for turn in turns],
        "broken_off": broken,
    }


def _measure(
    stand: Stand, watch: Watch, jobs: Child, source: Source, rows: int, number: int
) -> Imported:
    """One file, and the same rows by COPY; RoundFailed where a row is missing."""
    last = lasts(watch)
    import_id = sent(stand, source, rows)
    watch.execute("checkpoint")
    before = _accounts(stand, jobs)
    wait(watch, import_id, "checked", jobs)
    asyncio.run(apply(stand, import_id))
    wait(watch, import_id, "applied", jobs)
    mine, theirs, machine = (
        then - b for then, b in zip(_accounts(stand, jobs), before, strict=True)
    )
    check_books(watch, import_id, rows, last)
    took: dict[str, float] = dict(
        watch.execute(
            "select kind, extract(epoch from finished_at - started_at)::float8"
            " from registry.job where subject = %s",
            (import_id,),
        ).fetchall()
    )
    checking, applying = took["import.check"], took["import.apply"]
    copy_seconds, copy_cpu = _copy(stand, last)
    return Imported(
        round=number,
        rows=rows,
        check_seconds=round(checking, 3),
        apply_seconds=round(applying, 3),
        rate=round(rows / (checking + applying), 1),
        check_rate=round(rows / checking, 1),
        apply_rate=round(rows / applying, 1),
        copy_rate=round(rows / copy_seconds, 1),
        of_copy=round(copy_seconds / (checking + applying), 3),
        cpu_us=round(mine * 1e6 / rows, 1),
        database_cpu_us=round(theirs * 1e6 / rows, 1),
        copy_cpu_us=round(copy_cpu * 1e6 / rows, 1),
        foreign_share=round(max(0.0, 1.0 - (mine + theirs) / max(machine, 1e-6)), 3),
        peak_mb=peak_megabytes(jobs.pid),
    )


def _accounts(stand: Stand, jobs: Child) -> tuple[float, float, float]:
    """CPU seconds so far of the jobs process, the database, and the whole machine."""
    assert stand.cluster.pid is not None
    database = cpu_seconds(stand.cluster.pid, with_children=True)
    return cpu_seconds(jobs.pid), database, machine_cpu_seconds()


def peak_megabytes(pid: int) -> float:
    """The most memory that a process ever held."""
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) * 1024 / 1e6, 1)
    raise RoundFailed("The process is gone.")


def _make_yardstick(watch: Watch) -> None:
    """Tables with the same columns, checks and indexes, and nobody who looks."""
    watch.execute("create schema yardstick")
    for table in TABLES:
        watch.execute(
            sql.SQL(
                "create table yardstick.{0} (like registry.{0} including all"
                " excluding identity excluding generated)"
            ).format(sql.Identifier(table))
        )


def _copy(stand: Stand, last: dict[str, int]) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one COPY a table of what came after `last`."""
    assert stand.cluster.pid is not None
    seconds = used = 0.0
    with psycopg.connect(stand.dsn()) as conn, conn.cursor() as cursor:
        for table in TABLES:
            with tempfile.TemporaryFile(dir=stand.directory) as rows:
                wanted = sql.SQL("copy (select * from {} order by 1) to stdout")
                with cursor.copy(wanted.format(after(table, last))) as out:
                    for block in out:
                        rows.write(block)
                conn.commit()
                rows.seek(0)
                cpu = cpu_seconds(stand.cluster.pid, with_children=True)
                began = time.perf_counter()
                into = sql.SQL("copy yardstick.{} from stdin").format(sql.Identifier(table))
                with cursor.copy(into) as copy:
                    while block := rows.read(CHUNK):
                        copy.write(block)
                conn.commit()
                seconds += time.perf_counter() - began
                used += cpu_seconds(stand.cluster.pid, with_children=True) - cpu
    return seconds, used


def broken_off(
    stand: Stand, watch: Watch, source: Source, plan: Plan, tell: Told
) -> dict[str, Any]:
    """One file whose process is killed with -9 in the midst of being applied, then counted."""
    dice, last = random.Random(plan.seed), lasts(watch)
    points = sorted(dice.sample(range(plan.rows * 9 // 10), plan.kills))
    tell(f"checking {plan.rows:,} rows that will be broken off")
    import_id = sent(stand, source, plan.rows)
    began = time.monotonic()
    with worker(stand) as jobs:
        wait(watch, import_id, "checked", jobs)
    checked = time.monotonic()
    asyncio.run(apply(stand, import_id))
    kills: list[int] = []
    for point in points:
        with worker(stand) as jobs:
            kills.append(_killed(watch, jobs, import_id, point))
        tell(f"killed {len(kills)} of {plan.kills} times, at {kills[-1]:,} rows")
    with worker(stand) as jobs:
        wait(watch, import_id, "applied", jobs)
        done = time.monotonic()
    attempts = "select attempts from registry.job where subject = %s and kind = 'import.apply'"
    return {
        "rows": plan.rows,
        "killed_at": kills,
        "attempts": one(watch, attempts, import_id),
        "check_seconds": round(checked - began, 1),
        "apply_seconds": round(done - checked, 1),
        "counted": check_books(watch, import_id, plan.rows, last),
    }


def _killed(watch: Watch, jobs: Child, import_id: int, point: int) -> int:
    """Kill -9 once more than `point` rows are applied and more are; how many it had been."""
    position: LiteralString = "select position from registry.import where id = %s"
    before = one(watch, position, import_id)

    def is_midst() -> bool:
        return bool(one(watch, position, import_id) > max(point, before))

    wait_until(is_midst, jobs, PATIENCE_SECONDS, "a moment to kill")
    os.kill(jobs.pid, signal.SIGKILL)
    return int(one(watch, position, import_id))


def import_figures(first: Imported, turns: list[Imported]) -> list[Figure]:
    """P7 and what it is measured against; memory beyond that of a file of one portion."""
    rates = [turn.rate for turn in turns]
    grown = [turn.peak_mb - first.peak_mb for turn in turns]
    return figures(
        [
            ("P7", "rows/s, checked and applied", ">=", WANTED, rates, None),
            ("P7", "most memory beyond one portion's, MB", "<=", 32.0, grown, None),
        ]
    )
