"""The rules that hold as lists and as figures: each bound SIM once, whoever asks, and how many."""

import psycopg
import pytest

from foundation.database import Pool, transaction
from foundation.errors import NotPermitted
from registry import (
    binding_lists,
    binding_requests,
    bindings,
    group_clients,
    keyset,
    sims,
)
from registry.binding_lists import Coverage, Search, Violated
from registry.bindings import Mode, Rule, Verdict, Violation
from registry.identifiers import Iccid, Imei
from registry.model import RegionRange, TerminalState
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything, register
from tests.registry.test_bindings import CARD, IMEI, NOON, card, lina


async def test_rules_are_listed_by_page_and_scope(pool: Pool) -> None:
    """Each bound SIM once, whoever asks; a client sees its own, and no former rule."""
    cards = [
        await card(
            pool,
            Iccid(f"8986001234567890{n:04}"),
            region=NANJING if n % 2 else HANGZHOU,
            client="power-js" if n % 3 else "power-zj",
        )
        for n in range(12)
    ]
    async with transaction(pool, everything.settings()) as conn:
        client = await group_clients.find(conn, everything, "power-js")
        for iccid in cards:
            await bindings.put(conn, everything, iccid, Rule(Mode.EXACT, (IMEI,)), at=NOON)
            mode = Mode.OFF if iccid == cards[0] else Mode.FIRST_SEEN
            await bindings.put(conn, everything, iccid, Rule(mode))
    viewer = Scope.of_role("user:v", Role.CLIENT_ADMIN, group_clients=frozenset({client.id}))

    async def walk(scope: Scope, search: Search = Search()) -> list[str]:
        found, after = [], None
        while True:
            async with transaction(pool, scope.settings()) as conn:
                page = await binding_lists.list_page(conn, scope, search, after=after, limit=2)
            found += [bound.binding.iccid for bound in page.items]
            after = page.next_key
            if after is None:
                assert len(found) == len(set(found))
                return found

    every = {str(c) for c in cards[1:]}
    js = {str(c) for n, c in enumerate(cards) if n and (n % 2 or n % 3)}
    assert set(await walk(everything)) == every
    assert set(await walk(lina)) == js
    assert set(await walk(viewer)) == {str(c) for n, c in enumerate(cards) if n % 3}
    for scope in (everything, lina, viewer):
        unproven = Search(verdict=Verdict.UNPROVEN)
        assert set(await walk(scope, unproven)) == set(await walk(scope))
        assert await walk(scope, Search(verdict=Verdict.VIOLATED)) == []
    assert await walk(everything, Search(mode=Mode.OFF)) == [str(cards[0])]
    assert set(await walk(everything, Search(group_client=client.id))) == set(await walk(viewer))
    hangzhou = Search(region=RegionRange(330100, 330199))
    assert set(await walk(lina, hangzhou)) == {
        str(c) for n, c in enumerate(cards) if n and n % 2 == 0 and n % 3
    }
    for scope, seen in ((everything, every), (lina, js)):
        for begins in ("8986", "898600123456789000"):
            wanted = {iccid for iccid in seen if iccid.startswith(begins)}
            assert set(await walk(scope, Search(iccid=begins))) == wanted
    assert await walk(everything, Search(iccid=str(cards[7]))) == [str(cards[7])]
    assert await walk(viewer, Search(iccid=str(cards[3]))) == []  # another client's
    async with transaction(pool, viewer.settings()) as conn:
        past = (await bindings.list_past(conn, viewer, cards[1])).items
        assert [b.mode for b in past] == ["first_seen"]
        with pytest.raises(NotPermitted):
            await bindings.put(conn, viewer, cards[1], Rule(Mode.OFF))


async def test_a_cursor_is_of_its_list(pool: Pool) -> None:
    """One of another order, or of none, is refused as such."""
    async with transaction(pool, lina.settings()) as conn:
        for after in ("", "x", "s1", "s1.2", "r1.x", "r-1.0", "r1." + "9" * 30):
            with pytest.raises(keyset.CursorInvalid):
                await binding_lists.list_page(conn, lina, after=after)
        for after in ("x", "-1", "1.0"):
            with pytest.raises(keyset.CursorInvalid):
                await binding_requests.list_page(conn, lina, after=after)


async def test_who_did_it_is_told_to_readers_of_the_audit(pool: Pool) -> None:
    """And to who did it: a client's viewer learns no name of the operator's people."""
    await card(pool, client="power-js")
    async with transaction(pool, lina.settings()) as conn:
        await bindings.put(conn, lina, CARD, Rule(Mode.FIRST_SEEN))
        client = frozenset({(await group_clients.find(conn, lina, "power-js")).id})
    told = {}
    for role in (Role.CLIENT_ADMIN, Role.CLIENT_VIEWER, Role.ACCOUNT_MANAGER):
        scope = Scope.of_role("user:v", role, group_clients=client)
        async with transaction(pool, scope.settings()) as conn:
            if role is Role.ACCOUNT_MANAGER:
                await binding_requests.ask(conn, scope, CARD, Imei.parse(IMEI), reason="x")
            binding = await bindings.find(conn, scope, CARD)
            [listed] = (await binding_lists.list_page(conn, scope)).items
            requests = (await binding_requests.list_page(conn, scope)).items
        assert binding is not None
        assert binding == listed.binding
        told[role] = (binding.set_by, [request.requested_by for request in requests])
    viewer = Scope.of_role("user:w", Role.CLIENT_VIEWER, group_clients=client)
    async with transaction(pool, viewer.settings()) as conn:
        [request] = (await binding_requests.list_page(conn, viewer)).items

    assert told == {
        Role.CLIENT_ADMIN: ("user:lina", []),
        Role.CLIENT_VIEWER: (None, []),
        Role.ACCOUNT_MANAGER: (None, ["user:v"]),
    }
    assert request.requested_by is None


async def test_coverage_and_violations_are_figures(pool: Pool, database: Database) -> None:
    """Of the SIMs in terminals that may connect, by province; of what is violated, by how."""
    verdicts = {
        "js-1": ("ok", None),
        "js-2": ("violated", "separation"),
        "js-3": ("unproven", None),
        "js-4": None,  # not bound
        "js-old": ("ok", None),  # in a terminal that may not connect
        "zj-1": ("violated", "rival_sim"),
    }
    states = {"js-old": TerminalState.RETIRED}
    for n, (code, judged) in enumerate(verdicts.items()):
        region = NANJING if code.startswith("js") else HANGZHOU
        owner = "power-js" if code.startswith("js") else "power-zj"
        state = states.get(code, TerminalState.IN_SERVICE)
        [terminal] = await register(pool, code, region=region, group_client=owner)
        iccid = await card(pool, Iccid(f"8986001234567890{n:04}"), region=region, client=owner)
        async with transaction(pool, everything.settings()) as conn:
            await sims.install(conn, everything, iccid, code)
            if judged:
                await bindings.put(conn, everything, iccid, Rule(Mode.EXACT, (IMEI,)))
        with psycopg.connect(database.superuser, autocommit=True) as plain:
            plain.execute(
                "update registry.terminal set state = %s where id = %s", (state, terminal.id)
            )
            if judged:
                plain.execute(
                    "update registry.binding b set verdict = %s, violation = %s from registry.sim s"
                    " where s.id = b.sim_id and s.iccid = %s",
                    (*judged, str(iccid)),
                )
    found = {}
    for scope in (everything, lina):
        async with transaction(pool, scope.settings()) as conn:
            covered = await binding_lists.cover(conn, scope)
            found[scope.actor] = covered, await binding_lists.count_violations(conn, scope)

    jiangsu = Coverage(320000, in_use=4, bound=3, ok=1, violated=1, unproven=1)
    zhejiang = Coverage(330000, in_use=1, bound=1, ok=0, violated=1, unproven=0)
    separated = {Violation.SEPARATION: 1}
    assert found == {
        "system:test": ((jiangsu, zhejiang), Violated({Violation.RIVAL_SIM: 1} | separated)),
        "user:lina": ((jiangsu,), Violated(separated)),
    }
    assert (jiangsu.coverage, zhejiang.coverage) == (0.5, 1.0)


def test_what_is_violated_is_counted_to_ten_thousand() -> None:
    """Beyond that it is more than that."""
    few, many = Violated({Violation.SEPARATION: 10_000}), Violated({Violation.RIVAL_SIM: 10_001})

    assert [(v.total, v.exact) for v in (few, many)] == [(10_000, True), (10_000, False)]
