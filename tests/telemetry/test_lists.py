"""Lists by what is known of data and by names: what they hold is what each terminal says."""

import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
import pytest

from foundation.database import Pool, transaction
from registry.model import RegionRange, TerminalState
from registry.scope import Role, Scope
from telemetry import presence
from telemetry.presence import Heard
from telemetry.roll_call import RollCall
from tests.conftest import Database
from tests.country import HANGZHOU, JIANGSU, NANJING, ZHEJIANG, everything, register, settled
from tests.telemetry.ground import connected, read

PROVINCE = RegionRange(320000, 329999)
SUPERVISOR = Scope.of_role("user:s", Role.SUPERVISOR, region=PROVINCE)
CITY = Scope.of_role("user:c", Role.SUPERVISOR, region=RegionRange(330100, 330199))
KINDS = {
    Heard.ONLINE: {"online"},
    Heard.SILENT: {"silent"},
    Heard.NEVER: {"never"},
    Heard.ABSENT: {"silent", "never"},
}
NAMES = ["西湖路1号", "西湖路2号", "火车站99号", None]
TRUTH = """
    select t.code, t.region_code, c.code as client, t.state, t.name,
        case when p.data_at is null or p.data_at < t.owner_since then 'never'
            when p.silent_since is not null then 'silent' else 'online' end as data
    from registry.terminal t left join telemetry.presence p on p.terminal_id = t.id
    left join registry.group_client c on c.id = t.group_client_id"""


@pytest.fixture
async def fleet(database: Database) -> AsyncIterator[Pool]:
    """Sixty terminals of every kind in three regions and of two clients, all of them called."""
    dice = random.Random(7)
    async with settled(database) as pool:
        for n in range(60):
            await register(
                pool,
                f"m-{dice.randrange(10**6):06d}-{n}",
                region=dice.choice([JIANGSU, NANJING, HANGZHOU]),
                group_client=dice.choice(["power-js", "power-zj", None]),
            )
        with psycopg.connect(database.superuser) as conn:
            for terminal in range(1, 61):
                state, name = dice.choice(["in_service", "maintenance"]), dice.choice(NAMES)
                conn.execute(
                    "update registry.terminal set state = %s, name = %s where id = %s",
                    (state, name, terminal),
                )
                if (heard := dice.choice(["online", "silent", "never"])) != "never":
                    conn.execute(
                        "insert into telemetry.presence (terminal_id, data_at, silent_since)"
                        " values (%s, now() + interval '1 minute',"
                        " case when %s then now() end)",
                        (terminal, heard == "silent"),
                    )
        await _call(database)
        yield pool


async def _call(database: Database) -> None:
    caller, some_are_left = RollCall(), True
    while some_are_left:
        async with connected(database.jobs) as conn:
            some_are_left = await caller.turn(conn)


async def walk(pool: Pool, scope: Scope, limit: int, **filters: Any) -> Sequence[str]:
    """The codes of all pages."""
    met: list[str] = []
    after: str | None = None
    while True:
        async with transaction(pool, scope.settings()) as conn:
            page = await presence.list_terminals(conn, scope, after=after, limit=limit, **filters)
        met += [one.terminal.code for one in page.items]
        after = page.next_key
        if after is None:
            return met


def seen(scope: Scope, row: dict[str, Any]) -> bool:
    """By region, or as the client is supervised; the clients of this country are in theirs."""
    if scope is everything:
        return True
    home = {"power-js": JIANGSU, "power-zj": ZHEJIANG}.get(row["client"])
    low, high = scope.region or RegionRange(0, -1)
    return low <= row["region_code"] <= high or (home is not None and low <= home <= high)


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize("scope", [everything, SUPERVISOR, CITY])
async def test_lists_by_data_are_what_each_terminal_says(
    fleet: Pool, database: Database, scope: Scope, called: bool
) -> None:
    """By any page size, with each other filter; also while not everybody was called yet."""
    if not called:
        with psycopg.connect(database.superuser) as conn:
            conn.execute("update telemetry.roll_call_clock set complete = false")
    truth = [row for row in read(database, TRUTH) if seen(scope, row)]
    for data, kinds in KINDS.items():
        said = [row for row in truth if row["data"] in kinds]
        assert sorted(await walk(fleet, scope, 3, data=data)) == sorted(r["code"] for r in said)
        for state in (TerminalState.IN_SERVICE, TerminalState.RETIRED):
            found = await walk(fleet, scope, 7, data=data, state=state)
            assert sorted(found) == sorted(r["code"] for r in said if r["state"] == state)
        found = await walk(fleet, scope, 2, data=data, region=PROVINCE)
        near = [r["code"] for r in said if PROVINCE.low <= r["region_code"] <= PROVINCE.high]
        assert sorted(found) == sorted(near)
        found = await walk(fleet, scope, 50, data=data, q="西湖")
        assert sorted(found) == sorted(r["code"] for r in said if "西湖" in (r["name"] or ""))


@pytest.mark.parametrize("walked", [4, 1000])
@pytest.mark.parametrize("scope", [everything, SUPERVISOR, CITY])
async def test_names_are_found_however_many_have_them(
    fleet: Pool, database: Database, monkeypatch: pytest.MonkeyPatch, scope: Scope, walked: int
) -> None:
    """One that many have, few, nobody; a percent sign and a quote are what they are."""
    monkeypatch.setattr("registry.terminal_lists.WALKED", walked)
    with psycopg.connect(database.superuser) as conn:
        conn.execute("update registry.terminal set name = '50%s ''夜'' 电表' where id = 17")
    truth = [row for row in read(database, TRUTH) if seen(scope, row)]
    for text in ("西湖", "火车站99号", "%s '夜'", "湖西", "m-1"):
        expected = [
            row["code"]
            for row in truth
            if text in (row["name"] or "") or row["code"].startswith(text)
        ]
        assert sorted(await walk(fleet, scope, 3, q=text)) == sorted(expected)


async def test_who_was_not_called_since_is_not_listed_by_data(
    fleet: Pool, database: Database
) -> None:
    """A new owner sees nothing of what was called in the old one's time."""
    owned = "select t.code from registry.terminal t join registry.group_client c on c.id ="
    owned += " t.group_client_id where c.code = 'power-js' order by t.id limit 1"
    [row] = read(database, owned)
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "update registry.terminal set owner_since = now() + interval '1 h', group_client_id ="
            " (select id from registry.group_client where code = 'power-zj') where code = %s",
            (row["code"],),
        )
    for data in (Heard.ONLINE, Heard.SILENT, Heard.NEVER):
        assert row["code"] not in await walk(fleet, everything, 50, data=data)
    with psycopg.connect(database.superuser) as conn:
        conn.execute("update telemetry.roll_call_clock set position = null")
    await _call(database)

    assert row["code"] in await walk(fleet, everything, 50, data=Heard.NEVER)


async def test_who_is_otherwise_by_now_is_not_listed_as_it_was_called(
    fleet: Pool, database: Database
) -> None:
    """What a line of the list says of itself is what the list is of."""
    [row] = read(database, TRUTH + " where p.silent_since is not null order by t.id limit 1")
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            "update telemetry.presence set silent_since = null where terminal_id ="
            " (select id from registry.terminal where code = %s)",
            (row["code"],),
        )
    assert row["code"] not in await walk(fleet, everything, 50, data=Heard.SILENT)
    assert row["code"] not in await walk(fleet, everything, 50, data=Heard.ONLINE)
    with psycopg.connect(database.superuser) as conn:
        conn.execute("update telemetry.roll_call_clock set position = null")
    await _call(database)

    assert row["code"] in await walk(fleet, everything, 50, data=Heard.ONLINE)
