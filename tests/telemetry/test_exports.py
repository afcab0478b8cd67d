"""Exports: the file is what a plain model says, of what the asker may see when it is read."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pyarrow import parquet

from foundation.database import transaction
from foundation.errors import Invalid
from registry import api_keys, collections, jobs, users
from registry.errors import TerminalNotFound
from registry.model import RegionRange
from registry.scope import Role, Scope
from telemetry.errors import MetricUnknown, TimesInvalid
from telemetry.exports import asking
from telemetry.exports.model import (
    PART_BYTES,
    Bounds,
    Content,
    ExportFormat,
    ExportInvalid,
    ExportNotDone,
    ExportNotFound,
    ExportOutOfSight,
    ExportQuotaReached,
    ExportsBusy,
    ExportsFull,
    ExportState,
)
from tests.conftest import Database
from tests.country import JIANGSU, everything
from tests.telemetry.exporting import (
    END,
    MOVED_AT,
    NOON,
    Fleet,
    Row,
    fleet_of,
    in_window,
    of_power_js,
    rows_of_csv,
    rows_of_ndjson,
    rows_of_parquet,
)

FORMS = {
    ExportFormat.CSV: rows_of_csv,
    ExportFormat.NDJSON: rows_of_ndjson,
    ExportFormat.PARQUET: rows_of_parquet,
}


@pytest.fixture
async def fleet(database: Database) -> AsyncIterator[Fleet]:
    async with fleet_of(database) as fleet:
        yield fleet


def expected(fleet: Fleet, *conditions: Callable[[Row], bool]) -> list[Row]:
    """What a file is to hold: terminal by terminal, in the order of time."""
    rows = [row for row in fleet.said if in_window(row) and all(c(row) for c in conditions)]
    return sorted(rows, key=lambda row: (row[0], row[1]))


def by_terminal(rows: list[Row]) -> list[Row]:
    """Terminals in the order of their codes, each as it stands in the file."""
    return sorted(rows, key=lambda row: row[0])


@pytest.mark.parametrize("form", FORMS)
async def test_a_file_is_what_was_said(fleet: Fleet, form: ExportFormat) -> None:
    """Of a client: its terminals' readings in the window, in its own time, in every format."""
    asked = await fleet.ask(group_client="power-js", form=form)
    await fleet.work()
    content = await fleet.fetch(asked.id)
    done = await fleet.find(asked.id)

    wanted = expected(fleet, of_power_js)
    assert by_terminal(FORMS[form](content)) == wanted
    assert 0 < len(wanted) < len(expected(fleet))
    assert (done.state, done.rows, done.terminals) == (ExportState.DONE, len(wanted), 4)
    assert done.sha256 == hashlib.sha256(content).digest()
    assert done.size_bytes == len(content)


@pytest.mark.parametrize("of", ["terminals", "region", "collection", "profile"])
async def test_terminals_are_named_in_many_ways(fleet: Fleet, of: str) -> None:
    """By code, by where they are now, by a collection, and narrowed to a profile and a metric."""
    async with transaction(fleet.pool, everything.settings()) as conn:
        made = await collections.create(conn, everything, name="two", group_client="power-js")
        await collections.alter_members(conn, everything, made.id, add=["M-1", "M-2"])
    ways: dict[str, tuple[dict[str, Any], Callable[[Row], bool]]] = {
        "terminals": ({"terminals": ("M-4", "M-5")}, lambda row: row[0] in ("M-4", "M-5")),
        "region": ({"region": 320100}, lambda row: row[0] != "M-5"),
        "collection": ({"collection": made.id}, lambda row: row[0] in ("M-1", "M-2")),
        "profile": ({"region": 0, "profile": "meter"}, lambda _: True),
    }
    asked, condition = ways[of]

    assert by_terminal(rows_of_csv(await fleet.made(**asked))) == expected(fleet, condition)


async def test_of_a_terminal_that_changed_hands_each_gets_the_own_time(fleet: Fleet) -> None:
    """Both owners ask for the same terminal and the same window."""
    former = await fleet.key(group_clients=["power-js"])
    present = await fleet.key(group_clients=["power-zj"])

    before = rows_of_csv(await fleet.made(former, terminals=("M-4",)))
    after = rows_of_csv(await fleet.made(present, terminals=("M-4",)))

    assert before == expected(fleet, lambda row: row[0] == "M-4" and row[1] < MOVED_AT)
    assert after == expected(fleet, lambda row: row[0] == "M-4" and row[1] >= MOVED_AT)
    assert before
    assert after


async def test_what_stands_beside_the_rows(fleet: Fleet) -> None:
    """Who asked for what stands in the gzip header and in Parquet's metadata, and in no row."""
    packed = await fleet.made(terminals=("M-1",), marked=True)
    columnar = await fleet.made(terminals=("M-1",), form=ExportFormat.PARQUET)

    comment = json.loads(packed[10 : packed.index(b"\0", 10)])
    metadata = parquet.read_metadata(io.BytesIO(columnar)).metadata
    assert packed[3] == 0x10
    assert gzip.decompress(packed).startswith(b"\xef\xbb\xbfterminal,time,voltage_a,energy_kwh\r\n")
    for told in (comment, json.loads(metadata[b"muster.export"])):
        assert (told["asked_by"], told["terminals"]) == ("system:test", ["M-1"])
        assert told["from"] == NOON.isoformat()


async def test_events_are_exported_too_and_no_formula_runs(fleet: Fleet) -> None:
    """In order, without the numbers of a SIM for who does not read SIMs; formulas are text."""
    for number, text in enumerate(("=1+1", "fine", "@x")):
        fleet.execute(
            "insert into telemetry.event (time, terminal_id, delay_seconds, code, severity, text,"
            " data, digest) select %s, id, 0, 'zone', 'major', %s, %s, %s"
            " from registry.terminal where code = 'M-1'",
            NOON, text, '{"zone": 4, "iccid": "89860425102099340002"}', number,
        )  # fmt: skip
    agent = await fleet.key(Role.AGENT, group_clients=["power-js"])

    told = gzip.decompress(await fleet.made(group_client="power-js", content=Content.EVENTS))
    less = gzip.decompress(await fleet.made(agent, terminals=("M-1",), content=Content.EVENTS))

    rows = list(csv.DictReader(io.StringIO(told.decode(), newline="")))
    assert [row["text"] for row in rows] == ["'=1+1", "fine", "'@x"]
    assert json.loads(rows[0]["data"]) == {"zone": 4, "iccid": "89860425102099340002"}
    assert b"89860425102099340002" not in less
    assert b"zone" in less


async def test_nobody_gets_what_is_not_theirs(fleet: Fleet) -> None:
    """What is out of scope is not asked for; somebody else's export is none."""
    js = await fleet.key(group_clients=["power-js"])
    zj = await fleet.key(group_clients=["power-zj"])
    asked = await fleet.ask(js, terminals=("M-1",))
    await fleet.work()

    with pytest.raises(TerminalNotFound):
        await fleet.ask(js, terminals=("M-1", "M-5"))
    with pytest.raises(ExportNotFound):
        await fleet.fetch(asked.id, zj)
    with pytest.raises(ExportNotFound):
        async with transaction(fleet.pool, zj.settings()) as conn:
            await asking.delete(conn, zj, asked.id)
    assert await fleet.fetch(asked.id) == await fleet.fetch(asked.id, js)


async def test_an_account_that_ended_gets_nothing(fleet: Fleet) -> None:
    """A key that is revoked before its export is read: it fails, and says why."""
    js = await fleet.key(group_clients=["power-js"])
    asked = await fleet.ask(js, terminals=("M-1",))
    async with transaction(fleet.pool, everything.settings()) as conn:
        await api_keys.revoke(conn, everything, js.actor.removeprefix("key:"))
    await fleet.work()

    failed = await fleet.find(asked.id)
    assert (failed.state, failed.problem) == (ExportState.FAILED, "asker_gone")
    assert failed.problem_text is not None
    with pytest.raises(ExportNotDone):
        await fleet.fetch(asked.id)


async def test_a_file_is_read_in_the_scope_of_that_time(fleet: Fleet) -> None:
    """A supervisor who is given another province meanwhile exports that one, or fails."""
    async with transaction(fleet.pool, everything.settings()) as conn:
        await users.appoint(
            conn, everything, name="sun", password="four words are enough",
            role=Role.SUPERVISOR, region=JIANGSU,
        )  # fmt: skip
    sun = Scope.of_role("user:sun", Role.SUPERVISOR, region=RegionRange(320000, 329999))
    asked = await fleet.ask(sun, terminals=("M-1",))
    done = await fleet.ask(sun, region=320000)
    fleet.execute("update registry.job set state = 'cancelled' where subject = %s", asked.id)
    await fleet.work()
    whole = rows_of_csv(await fleet.fetch(done.id, sun))
    fleet.execute("update registry.job set state = 'queued' where subject = %s", asked.id)
    fleet.execute("update registry.user_account set region_code = 330000 where name = 'sun'")
    await fleet.work()
    elsewhere = Scope.of_role("user:sun", Role.SUPERVISOR, region=RegionRange(330000, 339999))

    assert by_terminal(whole) == expected(fleet, lambda row: row[0] != "M-5")
    failed = await fleet.find(asked.id)
    assert (failed.state, failed.problem) == (ExportState.FAILED, "terminal_not_found")
    with pytest.raises(ExportOutOfSight):
        await fleet.fetch(done.id, elsewhere)


async def test_a_terminal_taken_away_backwards_takes_the_file_along(fleet: Fleet) -> None:
    """A transfer that is dated before what was exported: the file is refused, the rest is not."""
    js = await fleet.key(group_clients=["power-js"])
    first = await fleet.ask(js, terminals=("M-1",))
    second = await fleet.ask(js, terminals=("M-2",))
    await fleet.work()
    fleet.execute(
        "update registry.ownership set group_client_id = (select id from registry.group_client"
        " where code = 'power-zj') where terminal_code = 'M-1'"
    )

    with pytest.raises(ExportOutOfSight):
        await fleet.fetch(first.id, js)
    assert await fleet.fetch(second.id, js)
    assert await fleet.fetch(first.id)


async def test_a_tier_bounds_exports_and_bytes(fleet: Fleet) -> None:
    """So many a day of all people of a client; who deletes one has had it all the same."""
    js, other = [await fleet.key(group_clients=["power-js"]) for _ in range(2)]
    fleet.execute("update registry.tier set exports_per_day = 2")
    first = await fleet.ask(js, terminals=("M-1",))
    await fleet.ask(other, terminals=("M-1",))
    await fleet.work()
    async with transaction(fleet.pool, js.settings()) as conn:
        await asking.delete(conn, js, first.id)
    with pytest.raises(ExportQuotaReached):
        await fleet.ask(js, terminals=("M-1",))

    fleet.execute(
        "update registry.tier set exports_per_day = null, export_bytes_per_day ="
        " (select sum(size_bytes) + 100 from registry.export)"
    )
    over = await fleet.ask(js, group_client="power-js")
    await fleet.work()
    failed = await fleet.find(over.id)
    assert (failed.state, failed.problem) == (ExportState.FAILED, "export_quota_reached")
    await fleet.ask(terminals=("M-1",))  # the operator has no tier


async def test_bytes_are_bounded(fleet: Fleet) -> None:
    """One file, and all of them: what does not fit fails, is swept, and makes room."""
    asked = await fleet.ask(region=0)
    await fleet.work(Bounds(file_bytes=100))
    too_large = await fleet.find(asked.id)
    done = await fleet.ask(region=0)
    await fleet.work()
    with pytest.raises(ExportsFull):
        await fleet.ask(region=0, bounds=Bounds(all_bytes=100))
    async with transaction(fleet.pool, everything.settings()) as conn:
        await asking.delete(conn, everything, done.id)
    await fleet.sweep()

    assert (too_large.state, too_large.problem) == (ExportState.FAILED, "export_too_large")
    await fleet.ask(region=0, bounds=Bounds(all_bytes=100))
    with pytest.raises(ExportNotFound):
        await fleet.find(done.id)


async def test_three_wait_and_a_fourth_does_not(fleet: Fleet) -> None:
    """Whoever has three under way is refused until one is done or cancelled."""
    asked = [await fleet.ask(terminals=("M-1",)) for _ in range(3)]
    with pytest.raises(ExportsBusy):
        await fleet.ask(terminals=("M-1",))
    async with transaction(fleet.pool, everything.settings()) as conn:
        await asking.delete(conn, everything, asked[0].id)
        page = await jobs.list_page(conn, everything, subject=asked[0].id, area=asking.AREA)
    await fleet.ask(terminals=("M-1",))
    await fleet.work()

    assert [job.state for job in page.items] == [jobs.JobState.CANCELLED]
    assert (await fleet.find(asked[0].id)).state is ExportState.CANCELLED
    assert (await fleet.find(asked[1].id)).state is ExportState.DONE


async def test_a_file_expires(fleet: Fleet) -> None:
    """After its days it is gone, and the list says so."""
    asked = await fleet.ask(terminals=("M-1",))
    await fleet.work()
    fleet.execute("update registry.export set expires_at = now() - interval '1 s'")
    await fleet.sweep()

    assert (await fleet.find(asked.id)).state is ExportState.EXPIRED
    with pytest.raises(ExportNotDone):
        await fleet.fetch(asked.id)
    async with transaction(fleet.pool, everything.settings()) as conn:
        with pytest.raises(ExportNotDone):
            await asking.read_part(conn, everything, asked.id, 0)


async def test_pages_of_exports_neither_skip_nor_repeat(fleet: Fleet) -> None:
    """Newest first, each once; the own ones only."""
    js = await fleet.key(group_clients=["power-js"])
    asked = []
    for _ in range(3):
        asked.append((await fleet.ask(terminals=("M-1",))).id)
        await fleet.work()
    await fleet.ask(js, terminals=("M-1",))
    listed, after = [], None
    async with transaction(fleet.pool, js.settings()) as conn:
        own = await asking.list_page(conn, js)
    async with transaction(fleet.pool, everything.settings()) as conn:
        while True:
            page = await asking.list_page(conn, everything, after=after, limit=2)
            listed += [export.id for export in page.items]
            after = page.next_key
            if after is None:
                break

    assert listed[1:] == asked[::-1]
    assert len(own.items) == 1


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({}, ExportInvalid),
        ({"terminals": ("M-1",), "region": 0}, ExportInvalid),
        ({"region": 0, "start": END, "end": NOON}, TimesInvalid),
        ({"region": 0, "profile": "meter", "metrics": ("nothing",)}, MetricUnknown),
        ({"region": 0, "content": Content.EVENTS, "metrics": ("voltage_a",)}, ExportInvalid),
        ({"terminals": ("M-1",) * 1001}, Invalid),
    ],
)
async def test_what_means_nothing_is_refused_at_once(
    fleet: Fleet, wanted: dict[str, Any], error: type[Invalid]
) -> None:
    """Nothing named, or two sets; a window backwards; a metric that there is not."""
    with pytest.raises(error):
        await fleet.ask(**wanted)


def test_bytes_stand_in_parts() -> None:
    """Every stretch of bytes is found in its parts, the first and last cut."""
    content = bytes(range(256)) * (3 * PART_BYTES // 256) + b"end"
    kept = [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]
    for first, last in ((0, 0), (5, PART_BYTES), (PART_BYTES - 1, 3 * PART_BYTES + 2),
                        (PART_BYTES, 2 * PART_BYTES - 1)):  # fmt: skip
        found = b"".join(kept[n][a:b] for n, a, b in asking.parts(first, last))
        assert found == content[first : last + 1]
