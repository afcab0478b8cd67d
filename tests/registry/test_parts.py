"""Hardware, SIM and gateway of a terminal: replaced at a time, remembered, never in two places."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from stdnum import luhn

from foundation.database import Connection, Pool, transaction
from foundation.errors import MusterError
from registry import gateways, parts, sims, terminals, wire_names
from registry.errors import (
    GatewayIsItself,
    ImeiTaken,
    MomentAhead,
    SimIsElsewhere,
    WireNameNotFound,
    WireNameTaken,
)
from registry.identifiers import Iccid, Imei, WireName
from registry.life_errors import (
    GatewayChained,
    PartAbsent,
    PartSame,
    ReplacedTooEarly,
    WireNamesMany,
)
from registry.scope import Role, Scope
from tests.country import JIANGSU, everything, register

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
numbers = itertools.count(1)


def imei() -> Imei:
    digits = f"35{next(numbers):012d}"
    return Imei.parse(digits + luhn.calc_check_digit(digits))


async def card(conn: Connection) -> Iccid:
    """A SIM on the roll."""
    number = Iccid.parse(f"898600{next(numbers):014d}")
    await sims.register(conn, everything, iccid=number, region=JIANGSU)
    return number


async def test_hardware_is_replaced_without_losing_identity_or_history(pool: Pool) -> None:
    """One interval ends where the next begins; the old modem is free, the terminal is the same."""
    [before, _] = await register(pool, "m-1", "m-2")
    first, second = imei(), imei()

    async with transaction(pool, everything.settings()) as conn:
        await parts.replace_hardware(conn, everything, "m-1", first, at=NOON)
        replaced = await parts.replace_hardware(conn, everything, "m-1", second, at=NOON + HOUR)
        await parts.replace_hardware(conn, everything, "m-2", first, at=NOON + HOUR)
        history = await parts.list_hardware(conn, everything, "m-1")
        now = await parts.find_hardware(conn, everything, "m-1")
        taken_out = await parts.replace_hardware(conn, everything, "m-1", None, at=NOON + 2 * HOUR)
        nothing = await parts.find_hardware(conn, everything, "m-1")
        after = await terminals.find(conn, everything, "m-1")

    assert after.id == before.id
    assert now == replaced == history.items[0]
    assert [(h.imei, h.valid_from, h.valid_to) for h in history.items] == [
        (second, NOON + HOUR, None),
        (first, NOON, NOON + HOUR),
    ]
    assert (taken_out.imei, taken_out.valid_to, nothing) == (second, NOON + 2 * HOUR, None)


async def test_a_sim_is_replaced_without_losing_identity_or_history(pool: Pool) -> None:
    """The same of cards: out and in at one instant, and the old one can go elsewhere."""
    await register(pool, "m-1", "m-2")

    async with transaction(pool, everything.settings()) as conn:
        first, second = await card(conn), await card(conn)
        await parts.replace_sim(conn, everything, "m-1", first, at=NOON)
        await parts.replace_sim(conn, everything, "m-1", second, at=NOON + HOUR)
        await parts.replace_sim(conn, everything, "m-2", first, at=NOON + HOUR)
        history = await parts.list_sims(conn, everything, "m-1")
        now_in = await sims.find_in(conn, everything, "m-1")
        gone = await parts.replace_sim(conn, everything, "m-1", None)

    assert [(i.iccid, i.valid_from, i.valid_to) for i in history.items] == [
        (second, NOON + HOUR, None),
        (first, NOON, NOON + HOUR),
    ]
    assert now_in is not None
    assert now_in.iccid == second == gone.iccid
    assert gone.valid_to is not None


async def test_history_pages_by_its_beginnings(pool: Pool) -> None:
    """Pages of two show every interval once, newest first."""
    await register(pool, "m-1")
    chosen = [imei() for _ in range(5)]
    seen: list[Imei] = []
    async with transaction(pool, everything.settings()) as conn:
        for n, number in enumerate(chosen):
            at = NOON + n * HOUR
            await parts.replace_hardware(conn, everything, "m-1", number, at=at)
        after: str | None = None
        while True:
            page = await parts.list_hardware(conn, everything, "m-1", after=after, limit=2)
            seen += [h.imei for h in page.items]
            if (after := page.next_key) is None:
                break

    assert seen == chosen[::-1]


async def test_a_replacement_that_cannot_be_is_refused_and_changes_nothing(pool: Pool) -> None:
    """Not ahead of time, not before the present one came, not the same, not what is elsewhere."""
    await register(pool, "m-1", "m-2", "m-3")
    first, second = imei(), imei()
    ahead = datetime.now(UTC) + HOUR
    async with transaction(pool, everything.settings()) as conn:
        sim = await card(conn)
        await parts.replace_sim(conn, everything, "m-2", sim, at=NOON)
        await parts.replace_hardware(conn, everything, "m-1", first, at=NOON)
        await parts.replace_hardware(conn, everything, "m-2", second, at=NOON)
        await parts.replace_hardware(conn, everything, "m-3", imei(), at=NOON)
        await parts.replace_hardware(conn, everything, "m-3", None, at=NOON + HOUR)
    attempts: list[tuple[Callable[[Connection], Awaitable[Any]], type[Exception]]] = [
        (lambda c: parts.replace_hardware(c, everything, "m-1", imei(), at=ahead), MomentAhead),
        (lambda c: parts.replace_hardware(c, everything, "m-1", first), PartSame),
        (lambda c: parts.replace_hardware(c, everything, "m-1", second), ImeiTaken),
        (lambda c: parts.replace_sim(c, everything, "m-1", None), PartAbsent),
        (lambda c: parts.replace_sim(c, everything, "m-1", sim), SimIsElsewhere),
    ]
    for code, at in (
        ("m-1", NOON),
        ("m-1", NOON - HOUR),
        ("m-3", NOON),
        ("m-3", NOON + HOUR / 2),
    ):
        early = partial(parts.replace_hardware, scope=everything, terminal=code, imei=imei(), at=at)
        attempts.append((early, ReplacedTooEarly))
    for attempt, error in attempts:
        with pytest.raises(error):
            async with transaction(pool, everything.settings()) as conn:
                await attempt(conn)

    async with transaction(pool, everything.settings()) as conn:
        one = await parts.list_hardware(conn, everything, "m-1")
        three = await parts.list_hardware(conn, everything, "m-3")
    assert [(h.imei, h.valid_from, h.valid_to) for h in one.items] == [(first, NOON, None)]
    assert [h.valid_to for h in three.items] == [NOON + HOUR]


async def test_gateways_stand_one_deep(pool: Pool) -> None:
    """Nobody is behind themselves, behind who is behind another, or with others behind them."""
    await register(pool, "g-1", "g-2", "m-1", "m-2")
    async with transaction(pool, everything.settings()) as conn:
        await gateways.put_behind(conn, everything, "m-1", "g-1", at=NOON)
        await gateways.put_behind(conn, everything, "m-2", "g-1", at=NOON)

    for code, gateway, error in (
        ("g-1", "g-1", GatewayIsItself),
        ("g-1", "g-2", GatewayChained),
        ("g-1", "m-1", GatewayChained),
        ("g-2", "m-1", GatewayChained),
        ("m-1", "g-1", PartSame),
    ):
        with pytest.raises(error):
            async with transaction(pool, everything.settings()) as conn:
                await gateways.put_behind(conn, everything, code, gateway)

    async with transaction(pool, everything.settings()) as conn:
        moved = await gateways.put_behind(conn, everything, "m-1", "g-2", at=NOON + HOUR)
        alone = await gateways.put_behind(conn, everything, "m-2", None)
        history = await gateways.list_of(conn, everything, "m-1")
        behind = await gateways.list_behind(conn, everything, "g-2")
        nobody = await gateways.list_behind(conn, everything, "g-1")

    assert (moved.gateway, alone.gateway) == ("g-2", "g-1")
    assert [(i.gateway, i.valid_from, i.valid_to) for i in history.items] == [
        ("g-2", NOON + HOUR, None),
        ("g-1", NOON, NOON + HOUR),
    ]
    assert [t.code for t in behind.items] == ["m-1"]
    assert list(nobody.items) == []


async def test_what_is_behind_a_gateway_pages_within_the_scope(pool: Pool) -> None:
    """Pages of two show all of it once; of other clients' there is nothing to see."""
    await register(pool, "g-1", group_client=None)
    [mine, *_] = await register(pool, "m-1", "m-2", "m-3", group_client="power-js")
    await register(pool, "z-1", group_client="power-zj")
    async with transaction(pool, everything.settings()) as conn:
        for code in ("m-1", "z-1", "m-2", "m-3"):
            await gateways.put_behind(conn, everything, code, "g-1")
    assert mine.group_client_id is not None
    client = Scope.of_role(
        "user:v", Role.CLIENT_VIEWER, group_clients=frozenset({mine.group_client_id})
    )

    pages: list[list[str]] = []
    after: str | None = None
    async with transaction(pool, everything.settings()) as conn:
        while True:
            page = await gateways.list_behind(conn, everything, "g-1", after=after, limit=2)
            pages.append([t.code for t in page.items])
            if (after := page.next_key) is None:
                break
    async with transaction(pool, client.settings()) as conn:
        [seen] = (await gateways.list_of(conn, client, "m-1")).items

    assert pages == [["m-1", "m-2"], ["m-3", "z-1"]]
    assert seen.gateway is None  # the gateway is the operator's, and not theirs to see


async def test_a_terminal_has_names_enough_and_gives_them_back(pool: Pool) -> None:
    """Sixteen at most; one that was taken away is free for another terminal."""
    await register(pool, "m-1", "m-2")
    names = [WireName.of("meter_address", str(n + 1)) for n in range(wire_names.MOST_NAMES)]

    async with transaction(pool, everything.settings()) as conn:
        for name in names:
            await wire_names.give(conn, everything, "m-1", name)
        with pytest.raises(WireNamesMany):
            await wire_names.give(conn, everything, "m-1", WireName.of("code", "one-more"))
        await wire_names.take_away(conn, everything, "m-1", names[0])
        with pytest.raises(WireNameNotFound):
            await wire_names.take_away(conn, everything, "m-1", names[0])
        await wire_names.give(conn, everything, "m-2", names[0])
        left = await wire_names.list_of(conn, everything, "m-1")

    assert [n.wire_name for n in left] == names[1:]


async def outcomes(pool: Pool, *attempts: Callable[[Connection], Awaitable[Any]]) -> list[Any]:
    """What becomes of attempts that are made at once, each in a transaction of its own."""

    async def one(attempt: Callable[[Connection], Awaitable[Any]]) -> Any:
        try:
            async with transaction(pool, everything.settings()) as conn:
                return await attempt(conn)
        except MusterError as error:
            return error

    return await asyncio.gather(*map(one, attempts))


def split(found: list[Any]) -> tuple[int, set[type]]:
    """How many came through, and what the others were told."""
    errors = [one for one in found if isinstance(one, MusterError)]
    return len(found) - len(errors), {type(error) for error in errors}


async def test_one_of_many_who_want_a_modem_at_once_has_it(pool: Pool) -> None:
    """Of those who put one IMEI into different terminals one wins; the others hear as usual."""
    codes = [f"r-{n}" for n in range(4)]
    await register(pool, *codes)
    wanted = imei()

    found = await outcomes(
        pool,
        *(
            lambda c, code=code: parts.replace_hardware(c, everything, code, wanted)
            for code in codes
        ),
    )

    assert split(found) == (1, {ImeiTaken})


async def test_one_of_many_who_want_a_card_at_once_has_it(pool: Pool) -> None:
    """The same of ICCIDs."""
    codes = [f"r-{n}" for n in range(4)]
    await register(pool, *codes)
    async with transaction(pool, everything.settings()) as conn:
        wanted = await card(conn)

    found = await outcomes(
        pool,
        *(lambda c, code=code: parts.replace_sim(c, everything, code, wanted) for code in codes),
    )

    assert split(found) == (1, {SimIsElsewhere})


async def test_one_of_many_who_want_a_name_at_once_has_it(pool: Pool) -> None:
    """The same of names behind one gateway, given or brought along."""
    codes = [f"r-{n}" for n in range(4)]
    await register(pool, "g-1", *codes)
    wanted = WireName.of("meter_address", "7")
    async with transaction(pool, everything.settings()) as conn:
        for code in codes[:2]:
            await gateways.put_behind(conn, everything, code, "g-1")
        # Of those who are not behind it one has the name already.
        await wire_names.give(conn, everything, codes[2], wanted)

    found = await outcomes(
        pool,
        *(lambda c, code=code: wire_names.give(c, everything, code, wanted) for code in codes[:2]),
        lambda c: gateways.put_behind(c, everything, codes[2], "g-1"),
    )

    assert split(found) == (1, {WireNameTaken})


async def test_replacements_of_one_terminal_at_once_follow_each_other(pool: Pool) -> None:
    """Each waits for the one before; the intervals follow each other and none is lost."""
    await register(pool, "r-1")
    wanted = [imei() for _ in range(4)]

    found = await outcomes(
        pool,
        *(
            lambda c, number=number: parts.replace_hardware(c, everything, "r-1", number)
            for number in wanted
        ),
    )
    async with transaction(pool, everything.settings()) as conn:
        history = (await parts.list_hardware(conn, everything, "r-1")).items

    assert split(found) == (4, set())
    assert {h.imei for h in history} == set(wanted)
    assert [h.valid_to for h in history] == [None] + [h.valid_from for h in history[:-1]]


async def test_no_chain_of_gateways_is_made_by_two_at_once(pool: Pool) -> None:
    """A behind B and B behind C at once: one of them finds the other, whoever comes first."""
    for n in range(5):
        a, b, c = (f"{letter}-{n}" for letter in "abc")
        await register(pool, a, b, c)
        found = await outcomes(
            pool,
            partial(gateways.put_behind, scope=everything, code=a, gateway=b),
            partial(gateways.put_behind, scope=everything, code=b, gateway=c),
        )
        assert split(found) == (1, {GatewayChained})
