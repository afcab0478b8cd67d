"""The seed: a first start shows everything there is to tell, and a second one changes nothing."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.reference.clients import Story
from deploy.seed import seed
from deploy.simulator import fleet
from foundation.database import open_pool, transaction
from registry import api_keys, sessions
from registry.errors import NotSignedIn
from registry.model import SimState
from registry.scope import PERSONAL, Right, Role
from tests.conftest import Database


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.superuser) as conn:
        return conn.execute(query.encode()).fetchall()


TALLIES = """
select (select count(*) from registry.region), (select count(*) from registry.terminal),
    (select count(*) from registry.group_client), (select count(*) from registry.installation),
    (select count(*) from registry.user_account), (select count(*) from registry.api_key),
    (select count(*) from registry.sim), (select count(*) from registry.sim_state_change),
    (select sum(version) from registry.profile), (select count(*) from registry.ownership)
"""


async def keep(found: dict[str, Any], home: Path) -> None:
    """Do what the supervisor does with the credentials."""
    (home / "credentials.json").write_text(json.dumps(found))


async def test_a_second_start_changes_nothing(database: Database, tmp_path: Path) -> None:
    """The same fleet, the same passwords and not a row more."""
    first = await seed(database.superuser, tmp_path, fleet=40)
    await keep(first, tmp_path)
    tallies, members = rows(database, TALLIES), fleet.read(tmp_path / "fleet.jsonl")

    second = await seed(database.superuser, tmp_path, fleet=40)

    assert second == first
    assert rows(database, TALLIES) == tallies
    assert fleet.read(tmp_path / "fleet.jsonl") == members
    assert tallies[0][1] == 41


async def test_sims_of_every_state_and_a_stock_are_shown(
    database: Database, tmp_path: Path
) -> None:
    """Some in no terminal, some whose period ends within a month, one that the system stopped."""
    await seed(database.superuser, tmp_path, fleet=40)

    states = {state for (state,) in rows(database, "select distinct state from registry.sim")}
    assert states == {state.value for state in SimState}
    [(stock, soon, imposed)] = rows(
        database,
        "select count(*) filter (where not installed),"
        " count(*) filter (where activates_at < now() + interval '30 days'),"
        " count(*) filter (where set_by = 'system' and state = 'suspended')"
        " from registry.sim_card",
    )
    assert (stock > 20, soon > 3, imposed) == (True, True, 1)
    assert rows(database, "select count(*) from registry.network where home") == [(6,)]


async def test_one_transfer_was_yesterday_and_one_waits(database: Database, tmp_path: Path) -> None:
    """Yesterday's terminal signs in with its new password; the client's admin has to decide."""
    found = await seed(database.superuser, tmp_path, fleet=40)

    [client] = [user["scope"] for user in found["users"] if user["role"] == Role.CLIENT_ADMIN]
    told = rows(
        database,
        "select state, giving_agreed_at is not null, receiving_agreed_at is not null,"
        " receiving_code from registry.transfer order by id",
    )
    assert [told[0][:3], told[1][:3]] == [("executed", True, True), ("proposed", True, False)]
    assert client.endswith(told[1][3])
    [moved] = [m for m in fleet.read(tmp_path / "fleet.jsonl") if m.story is Story.TRANSFERRED]
    assert rows(database, f"select code from registry.broker_login where code = '{moved.code}'")


async def test_every_story_is_told(database: Database, tmp_path: Path) -> None:
    """What the simulator plays is in its file, what the registry tells is on the roll."""
    await seed(database.superuser, tmp_path, fleet=40)

    members = fleet.read(tmp_path / "fleet.jsonl")
    assert {m.story for m in members if m.story} == set(Story) - {Story.FILE_DUE}
    assert len({m.replay for m in members if m.replay}) > 1
    assert rows(
        database,
        "select count(*) from registry.ownership"
        " where valid_from between now() - interval '25 h' and now() - interval '23 h'",
    ) == [(1,)]
    assert rows(
        database, "select count(*) > 0 from registry.group_client where file_state = 'due'"
    ) == [(True,)]
    assert rows(
        database,
        "select count(*) from registry.region r where level = 'province' and not exists (select"
        " from registry.terminal t where t.region_code between r.code and r.last_code)",
    ) >= [(1,)]


async def test_the_credentials_open_what_they_say(database: Database, tmp_path: Path) -> None:
    """Every user signs in, both keys work, and the broker would let the demo terminal in."""
    found = await seed(database.superuser, tmp_path, fleet=10)

    assert [user["role"] for user in found["users"]] == [role.value for role in Role]
    async with await open_pool(database.api, name="api") as pool, transaction(pool) as conn:
        for user in found["users"]:
            opened = await sessions.open(conn, user["name"], user["password"])
            assert opened.scope.actor == f"user:{user['name']}"
        admin = await sessions.open(conn, found["admin"]["name"], found["admin"]["password"])
        key = await api_keys.authenticate(conn, found["api_key"])
        scraper = await api_keys.authenticate(conn, found["scraper_key"])
    assert admin.scope.everything
    assert key.rights == frozenset(Right) - PERSONAL
    assert scraper.rights == {Right.ACCOUNT_READ, Right.METRICS_SCRAPE}
    terminal = found["terminal"]
    assert (terminal["profile"], terminal["metric"]) == ("smart_meter", "voltage_a")
    [(kept,)] = rows(
        database,
        f"select verifier from registry.broker_login where code = '{terminal['code']}'",
    )
    assert kept == _same_salt(terminal["password"], kept)
    assert terminal["code"] not in {m.code for m in fleet.read(tmp_path / "fleet.jsonl")}


def _same_salt(password: str, kept: str) -> str:
    """What the broker computes for a password that is offered."""
    _, _, iterations, salt, _ = kept.split("$")
    digest = hashlib.pbkdf2_hmac(
        "sha512", password.encode(), base64.b64decode(salt), int(iterations)
    )
    return f"$7${iterations}${salt}${base64.b64encode(digest).decode()}"


async def test_a_fleet_grows_and_shrinks(database: Database, tmp_path: Path) -> None:
    """Another size keeps who was there, adds as many as are missing, and never fails."""
    first = await seed(database.superuser, tmp_path, fleet=20)
    await keep(first, tmp_path)
    twenty = fleet.read(tmp_path / "fleet.jsonl")

    grown = await seed(database.superuser, tmp_path, fleet=60)
    sixty = fleet.read(tmp_path / "fleet.jsonl")
    await seed(database.superuser, tmp_path, fleet=10)
    ten = fleet.read(tmp_path / "fleet.jsonl")

    assert grown["users"] == first["users"]
    assert len(sixty) == 60
    assert sixty[:20] == twenty
    assert ten == twenty[:10]
    assert rows(database, "select count(*) from registry.terminal") == [(61,)]


async def test_a_lost_home_gets_new_passwords(database: Database, tmp_path: Path) -> None:
    """Where the home is gone but the database is not, every password is made anew and works."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = await seed(database.superuser, tmp_path / "one", fleet=10)

    second = await seed(database.superuser, tmp_path / "two", fleet=10)

    assert second["admin"]["password"] != first["admin"]["password"]
    async with await open_pool(database.api, name="api") as pool, transaction(pool) as conn:
        opened = await sessions.open(conn, "admin", second["admin"]["password"])
        assert opened.scope.everything
        with pytest.raises(NotSignedIn):
            await sessions.open(conn, "admin", first["admin"]["password"])
    before = {m.code: m.password for m in fleet.read(tmp_path / "one" / "fleet.jsonl")}
    after = {m.code: m.password for m in fleet.read(tmp_path / "two" / "fleet.jsonl")}
    assert before.keys() == after.keys()
    code = min(after)
    [(kept,)] = rows(
        database,
        "select verifier from registry.credential c join registry.terminal t on t.id ="
        f" c.terminal_id where t.code = '{code}'",
    )
    assert kept == _same_salt(after[code], kept)
