"""Every route that changes something leaves an entry in the audit, done or refused."""

from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
import pytest_asyncio

from deploy.embedded.postgres import Cluster
from registry.scope import PERSONAL, Role
from tests.api import asked
from tests.api.asked import Door
from tests.api.asks import OPEN, Ask
from tests.api.declared import ROUTES
from tests.api.parted import Caller, Parted
from tests.conftest import copy_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Changes nothing that anybody else could see.
CHANGES_NOTHING = {
    "POST /preferences",
    "POST /api/v1/decode",
    "POST /profiles/new/trial",
    "POST /profiles/{code}/metrics/trial",
}
CHANGING = [ask for ask in ROUTES if ask.method != "GET" and ask.route not in CHANGES_NOTHING]
_MISUSED = "mk_of-nobody"

each_change = pytest.mark.parametrize("ask", CHANGING, ids=lambda ask: ask.address)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(cluster: Cluster, parted_country: Parted) -> AsyncIterator[Parted]:
    """A parted country of its own, with a session of admin's to end and a factor to reset."""
    with copy_of(cluster, parted_country.world.database.name) as copy:
        with psycopg.connect(copy.superuser) as conn:
            conn.execute(
                "insert into registry.user_session (token_hash, user_id, expires_at)"
                " select 'another', id, now() + interval '1 h' from registry.user_account"
                " where name = 'admin.everything'"
            )
            conn.execute(
                "update registry.user_account set sealed_second_factor = 'x',"
                " second_factor_at = now() where name = 'ping.power'"
            )
        yield replace(parted_country, world=replace(parted_country.world, database=copy))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(country: Parted) -> AsyncIterator[Door]:
    """The application there, where every request is undone."""
    async with asked.open_doors(country, country.world.database.api) as [opened]:
        yield opened


async def entries_for(door: Door, country: Parted, ask: Ask, caller: Caller) -> tuple[int, int]:
    """The status of the answer, and how many entries were written for it.

    They are undone with it; but their numbers are never given twice, and so tell.
    """
    by_session = caller.role is not None and (
        ask.is_page or ask.needs in PERSONAL or ask.needs == OPEN
    )
    name = next(iter(ask.names.things), None)
    with psycopg.connect(country.world.database.superuser, autocommit=True) as conn:
        [(before,)] = conn.execute("select last_value from registry.audit_id_seq").fetchall()
        answer, _ = await asked._ask(door, ask, caller, name, by_session=by_session)
        [(after,)] = conn.execute("select last_value from registry.audit_id_seq").fetchall()
    return answer.status_code, after - before


@each_change
async def test_what_is_done_leaves_an_entry(ask: Ask, country: Parted, door: Door) -> None:
    """Whoever may everything asks for each change there is, in the way that succeeds."""
    [admin] = [caller for caller in country.callers if caller.role is Role.ADMIN]

    status, written = await entries_for(door, country, ask, admin)

    if not ask.names.personal:
        assert status == ask.expected
    assert written >= 1


@each_change
async def test_what_is_refused_leaves_an_entry(ask: Ask, country: Parted, door: Door) -> None:
    """The same asked with a key that is none, or where signing in is all, with nothing in it."""
    nobody = Caller("nobody", None, "nothing", _MISUSED)
    empty = replace(ask, json={"name": "ada"} if ask.json else None, form=None)

    status, written = await entries_for(door, country, empty if ask.needs == OPEN else ask, nobody)

    if status >= 400:
        assert written == 1
    else:
        assert ask.route in {"POST /signout", "DELETE /api/v1/sessions/current"}
        assert written == 0
