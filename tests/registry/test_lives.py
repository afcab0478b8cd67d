"""The life of a terminal: which moves there are, who may make them, and what is remembered."""

from typing import Any

import psycopg
import pytest

from foundation.database import Pool, open_pool, transaction
from registry import gateways, lives, moves, ownership, particulars, parts, terminals, wire_names
from registry.errors import TerminalNotFound, TransitionRefused
from registry.identifiers import Imei, WireName
from registry.life_errors import (
    GatewayHoldsTerminals,
    LocationHalf,
    ReasonMissing,
    TagInvalid,
    TerminalRetired,
)
from registry.model import RegionRange, TerminalState
from registry.particulars import Location
from registry.scope import ROLES, Right, RightMissing, Role, Scope
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register

S = TerminalState
IMEI = Imei.parse("490154203237518")
JIANGSU_RANGE = RegionRange(320000, 329999)
operator_js = Scope.of_role("user:op", Role.OPERATOR, region=JIANGSU_RANGE)


async def move(pool: Pool, code: str, *states: TerminalState, scope: Scope = everything) -> None:
    """Walk a terminal through some states."""
    for state in states:
        async with transaction(pool, scope.settings()) as conn:
            await terminals.move_to(conn, scope, code, state, reason=f"to {state.value}")


def test_every_state_has_its_moves_and_none_leads_out_of_retirement() -> None:
    """The table is whole; what may connect can be isolated, all but the retired can be retired."""
    assert set(lives.MOVES) == set(TerminalState)
    assert lives.MOVES[S.RETIRED] == ()
    assert set(lives.origins_of(S.RETIRED)) == set(TerminalState) - {S.RETIRED}
    assert set(lives.origins_of(S.ISOLATED)) == {s for s in S if s.may_connect} - {S.ISOLATED}
    assert lives.moves_from(S.ISOLATED, S.MAINTENANCE) == (S.MAINTENANCE, S.RETIRED)


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_not_make_a_move_is_refused_before_anything_is_asked(
    pool: Pool, role: Role
) -> None:
    """Of each move the table names the right; who lacks it is told so whatever the terminal."""
    reach: dict[str, Any] = {}
    if role in (Role.OPERATOR, Role.SUPERVISOR):
        reach = {"region": JIANGSU_RANGE}
    elif role is not Role.ADMIN:
        reach = {"group_clients": frozenset({1})}
    scope = Scope.of_role("user:x", role, **reach)

    async with transaction(pool, scope.settings()) as conn:
        for state in TerminalState:
            if lives.right_to(state) not in scope.rights:
                with pytest.raises(RightMissing):
                    await terminals.move_to(conn, scope, "none", state)
    assert {r for r in Role if Right.TERMINALS_CHANGE in ROLES[r]} == {Role.ADMIN, Role.OPERATOR}


async def test_a_life_goes_the_ways_there_are(pool: Pool) -> None:
    """From each state exactly those of the table can be reached, from isolation the one before."""
    for origin in TerminalState:
        for target in TerminalState:
            code = f"m-{origin.value}-{target.value}"
            if origin is S.ISOLATED:
                await register(pool, code, state=S.MAINTENANCE)
                await move(pool, code, S.ISOLATED)
            else:
                await register(pool, code, state=origin)
            ways = lives.moves_from(origin, S.MAINTENANCE)
            async with transaction(pool, everything.settings()) as conn:
                before = await terminals.find(conn, everything, code)
                if target in ways:
                    moved = await terminals.move_to(conn, everything, code, target, reason="so")
                    assert (moved.state, moved.version) == (target, before.version + 1)
                else:
                    with pytest.raises(TransitionRefused):
                        await terminals.move_to(conn, everything, code, target, reason="so")


async def test_who_isolates_says_why_and_it_returns_to_where_it_was(pool: Pool) -> None:
    """A reason is needed; the refusal of another way names the state that it returns to."""
    await register(pool, "m-1", state=S.MAINTENANCE)

    async with transaction(pool, operator_js.settings()) as conn:
        with pytest.raises(ReasonMissing):
            await terminals.move_to(conn, operator_js, "m-1", S.ISOLATED, reason="  ")
        isolated = await terminals.move_to(conn, operator_js, "m-1", S.ISOLATED, reason="stolen")
        with pytest.raises(TransitionRefused, match="isolated in maintenance, and returns there"):
            await terminals.move_to(conn, operator_js, "m-1", S.IN_SERVICE)
        returned = await terminals.move_to(conn, operator_js, "m-1", S.MAINTENANCE)

    assert (isolated.state_reason, returned.state_reason) == ("stolen", None)


async def test_the_history_says_who_from_where_to_where_why_and_when(pool: Pool) -> None:
    """Every move is a row, newest first; who made it is for those who may read the audit."""
    await register(pool, "m-1", state=S.TESTING)
    await move(pool, "m-1", S.IN_SERVICE, S.MAINTENANCE, scope=operator_js)
    viewer = Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({1}))

    async with transaction(pool, operator_js.settings()) as conn:
        first = await moves.list_of(conn, operator_js, "m-1", limit=1)
        rest = await moves.list_of(conn, operator_js, "m-1", after=first.next_key)
        terminal = await terminals.find(conn, operator_js, "m-1")
    async with transaction(pool, viewer.settings()) as conn:
        shown = await moves.list_of(conn, viewer, "m-1")

    [newest], [older] = first.items, rest.items
    assert newest.at == terminal.state_since
    assert (newest.from_state, newest.to_state) == (S.IN_SERVICE, S.MAINTENANCE)
    assert (older.from_state, older.to_state) == (S.TESTING, S.IN_SERVICE)
    assert (newest.actor, newest.reason) == ("user:op", "to maintenance")
    assert [m.actor for m in shown.items] == [None, None]


async def test_a_new_owner_does_not_read_the_moves_of_the_one_before(pool: Pool) -> None:
    """What happened in another owner's time is that owner's, reasons and all."""
    await register(pool, "m-1", group_client="power-js")
    await move(pool, "m-1", S.MAINTENANCE)
    async with transaction(pool, everything.settings()) as conn:
        await ownership.transfer(conn, everything, "m-1", "power-zj")
    await move(pool, "m-1", S.IN_SERVICE)
    async with transaction(pool, everything.settings()) as conn:
        terminal = await terminals.find(conn, everything, "m-1")
    assert terminal.group_client_id is not None
    new = Scope.of_role(
        "user:v", Role.CLIENT_VIEWER, group_clients=frozenset({terminal.group_client_id})
    )

    async with transaction(pool, new.settings()) as conn:
        shown = await moves.list_of(conn, new, "m-1")

    assert [m.to_state for m in shown.items] == [S.IN_SERVICE]


async def test_a_process_isolates_what_may_connect(pool: Pool, database: Database) -> None:
    """What the bridge noticed isolates terminals of just the states that the table lets it."""
    ids = {}
    for state in TerminalState:
        [terminal] = await register(pool, f"m-{state.value}", state=state)
        ids[terminal.id] = state
    with psycopg.connect(database.bridge, autocommit=True) as conn:
        done = conn.execute(
            "select registry.isolate_terminals(%s, 'rival SIM')", (list(ids),)
        ).fetchall()

    assert {ids[row[0]].value for row in done} == set(lives.origins_of(S.ISOLATED))
    async with transaction(pool, everything.settings()) as conn_:
        found = await terminals.find(conn_, everything, "m-in_service")
        [noted] = (await moves.list_of(conn_, everything, "m-in_service")).items
    assert (found.state, found.state_reason, found.version) == (S.ISOLATED, "rival SIM", 2)
    assert (noted.actor, noted.from_state) == ("system:bridge", S.IN_SERVICE)


async def test_retiring_frees_what_others_may_need(pool: Pool, database: Database) -> None:
    """The modem and the names of a retired terminal go to another one; it is let in no more."""
    name = WireName.of("jt808_phone", "13912345678")
    await register(pool, "m-1", "m-2", "g-1")
    async with transaction(pool, everything.settings()) as conn:
        await parts.replace_hardware(conn, everything, "m-1", IMEI)
        await wire_names.give(conn, everything, "m-1", name)
        await gateways.put_behind(conn, everything, "m-1", "g-1")

    with pytest.raises(GatewayHoldsTerminals):
        async with transaction(pool, everything.settings()) as conn:
            await terminals.retire(conn, everything, "g-1")
    async with transaction(pool, everything.settings()) as conn:
        await terminals.retire(conn, everything, "m-1")
        await terminals.retire(conn, everything, "g-1")  # nobody is behind it any more
        await parts.replace_hardware(conn, everything, "m-2", IMEI)
        await wire_names.give(conn, everything, "m-2", name)
        for attempt in (
            parts.replace_hardware(conn, everything, "m-1", IMEI),
            parts.replace_sim(conn, everything, "m-1", None),
            wire_names.give(conn, everything, "m-1", WireName.of("code", "x")),
            gateways.put_behind(conn, everything, "m-1", "m-2"),
        ):
            with pytest.raises(TerminalRetired):
                await attempt
        found = await wire_names.find(conn, everything, name)

    assert found.code == "m-2"
    with psycopg.connect(database.superuser) as owner:
        revoked = owner.execute(
            "select revoked_at is not null from registry.credential c join registry.terminal t"
            " on t.id = c.terminal_id where t.code = 'm-1'"
        ).fetchone()
        logins = owner.execute("select code from registry.broker_login").fetchall()
    assert revoked == (True,)
    assert logins == [("m-2",)]


async def test_what_is_noted_of_a_terminal_is_kept_in_one_form(pool: Pool) -> None:
    """What is given is changed and the rest stays; tags are found however they were written."""
    await register(pool, "m-1", region=NANJING)

    async with transaction(pool, operator_js.settings()) as conn:
        named = await particulars.change(
            conn, operator_js, "m-1", name="屋顶", tags=["Roof", "ＲＯＯＦ ", "南京"]
        )
        placed = await particulars.change(
            conn, operator_js, "m-1", location=Location(31.3, 120.6), tags=[]
        )
        bare = await particulars.change(
            conn, operator_js, "m-1", nameless=True, location=Location(None, None)
        )

    assert (named.name, named.tags, named.version) == ("屋顶", ("roof", "南京"), 2)
    assert (placed.name, placed.latitude, placed.longitude) == ("屋顶", 31.3, 120.6)
    assert placed.tags == ()
    assert (bare.name, bare.latitude, bare.region_code) == (None, None, NANJING)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"tags": ["a b"]}, TagInvalid),
        ({"tags": [""]}, TagInvalid),
        ({"tags": ["x" * 33]}, TagInvalid),
        ({"tags": [f"t{n}" for n in range(17)]}, TagInvalid),
        ({"location": Location(31.0, None)}, LocationHalf),
    ],
)
async def test_what_cannot_be_noted_says_why(
    pool: Pool, change: dict[str, Any], error: type[Exception]
) -> None:
    """Tags are short, plain and few; half a place is none."""
    await register(pool, "m-1")

    with pytest.raises(error):
        async with transaction(pool, everything.settings()) as conn:
            await particulars.change(conn, everything, "m-1", **change)


async def test_nobody_notes_anything_of_what_is_anothers(pool: Pool, database: Database) -> None:
    """The verbs' own filters hold where row-level security does not bind."""
    await register(pool, "m-1", region=HANGZHOU, group_client="power-zj")

    async with await open_pool(database.owner, name="owner") as owners, transaction(owners) as conn:
        for attempt in (
            particulars.change(conn, operator_js, "m-1", name="mine"),
            terminals.move_to(conn, operator_js, "m-1", S.MAINTENANCE),
            moves.list_of(conn, operator_js, "m-1"),
            parts.replace_hardware(conn, operator_js, "m-1", IMEI),
        ):
            with pytest.raises(TerminalNotFound):
                await attempt
