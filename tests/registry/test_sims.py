"""SIMs: on the roll once, in one terminal at a time, each with its dates."""

from datetime import UTC, datetime, timedelta

import pytest

from foundation.database import Pool, transaction
from registry import enrolment, profiles, sims, terminals
from registry.enrolment import Draft, InstalledSim
from registry.errors import (
    IntervalEmpty,
    MomentAhead,
    SimIsElsewhere,
    SimNotFound,
    SimTaken,
    TerminalHasSim,
)
from registry.identifiers import Eid, Iccid, Imei, Imsi, Msisdn, TerminalCode
from registry.model import RegionRange, SimState, TerminalState
from registry.scope import Role, Scope
from tests.country import HANGZHOU, JIANGSU, everything, register

CARD = Iccid.parse("89860012345678901234")
OTHER = Iccid.parse("89860012345678901242")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def test_a_sim_is_found_as_it_was_registered(pool: Pool) -> None:
    """All numbers of a card come back as they went in, to those who may see it."""
    async with transaction(pool, everything.settings()) as conn:
        registered = await sims.register(
            conn,
            everything,
            iccid=CARD,
            region=JIANGSU,
            imsi=Imsi.parse("460040123456789"),
            msisdn=Msisdn.parse("1064812345678"),
            eid=Eid.parse("89049032123451234512345678901235"),
            state=SimState.ACTIVE,
            apn="cmiot",
            group_client="power-js",
        )
        found = await sims.find(conn, everything, CARD)

    assert found == registered
    assert (str(found.imsi), str(found.msisdn)) == ("460040123456789", "1064812345678")
    zhejiang = Scope.of_role("user:z", Role.OPERATOR, region=RegionRange(330000, 339999))
    async with transaction(pool, zhejiang.settings()) as conn:
        with pytest.raises(SimNotFound):
            await sims.find(conn, zhejiang, CARD)
    with pytest.raises(SimTaken):
        async with transaction(pool, everything.settings()) as conn:
            await sims.register(conn, everything, iccid=CARD, region=JIANGSU)


async def test_a_card_moves_from_terminal_to_terminal(pool: Pool) -> None:
    """Out of one, into another: each interval has the dates that were given."""
    await register(pool, "m-1", "m-2")
    async with transaction(pool, everything.settings()) as conn:
        await sims.register(conn, everything, iccid=CARD, region=JIANGSU)
        await sims.install(conn, everything, CARD, "m-1", at=NOON)
        removed = await sims.remove(conn, everything, CARD, at=NOON + HOUR)
        await sims.install(conn, everything, CARD, "m-2", at=NOON + HOUR)
        now_in = await sims.find_in(conn, everything, "m-2")
        nothing_in = await sims.find_in(conn, everything, "m-1")

    assert (removed.valid_from, removed.valid_to) == (NOON, NOON + HOUR)
    assert now_in is not None
    assert now_in.iccid == CARD
    assert nothing_in is None


async def test_one_card_and_one_terminal_at_a_time(pool: Pool) -> None:
    """Neither now nor in the past can a card be in two places, or two cards in one."""
    await register(pool, "m-1", "m-2")
    async with transaction(pool, everything.settings()) as conn:
        for card in (CARD, OTHER):
            await sims.register(conn, everything, iccid=card, region=JIANGSU)
        await sims.install(conn, everything, CARD, "m-1", at=NOON)

    with pytest.raises(SimIsElsewhere):
        async with transaction(pool, everything.settings()) as conn:
            await sims.install(conn, everything, CARD, "m-2")
    with pytest.raises(TerminalHasSim):
        async with transaction(pool, everything.settings()) as conn:
            await sims.install(conn, everything, OTHER, "m-1")
    async with transaction(pool, everything.settings()) as conn:
        await sims.remove(conn, everything, CARD, at=NOON + HOUR)
    with pytest.raises(SimIsElsewhere):
        async with transaction(pool, everything.settings()) as conn:
            await sims.install(conn, everything, CARD, "m-2", at=NOON + HOUR / 2)
    with pytest.raises(TerminalHasSim):
        async with transaction(pool, everything.settings()) as conn:
            await sims.install(conn, everything, OTHER, "m-1", at=NOON - HOUR)


async def test_dates_that_cannot_be_are_refused(pool: Pool) -> None:
    """Nothing ends before it began, nothing is on record before it happened."""
    await register(pool, "m-1")
    ahead = datetime.now(UTC) + HOUR
    async with transaction(pool, everything.settings()) as conn:
        await sims.register(conn, everything, iccid=CARD, region=JIANGSU)
        with pytest.raises(MomentAhead):
            await sims.install(conn, everything, CARD, "m-1", at=ahead)
        await sims.install(conn, everything, CARD, "m-1", at=NOON)

    with pytest.raises(IntervalEmpty):
        async with transaction(pool, everything.settings()) as conn:
            await sims.remove(conn, everything, CARD, at=NOON)


async def test_a_set_of_terminals_is_enrolled_with_everything(pool: Pool) -> None:
    """Drafts become terminals with modem, SIM, owner and credential, more than one part of them."""
    count = enrolment.ROWS_AT_ONCE + 3
    async with transaction(pool, everything.settings()) as conn:
        meter = await profiles.find(conn, everything, "meter")
        drafts = [
            Draft(
                code=TerminalCode(f"m-{n}"),
                profile_id=meter.id,
                region_code=HANGZHOU,
                state=TerminalState.TESTING,
                sim=InstalledSim(Iccid(f"8986{n:016d}")) if n % 2 else None,
                imei=Imei(f"{n:015d}") if n % 3 else None,
            )
            for n in range(count)
        ]
        enrolled = await enrolment.enrol(conn, everything, iter(drafts))
        taken = await enrolment.list_taken(conn, everything, drafts)
        last = await terminals.find(conn, everything, f"m-{count - 1}")
        card = await sims.find_in(conn, everything, "m-1")
        cursor = await conn.execute(
            "select (select count(*) from registry.ownership) as owned,"
            " (select count(*) from registry.hardware) as modems,"
            " (select count(*) from registry.installation) as cards,"
            " (select count(terminal_id) from registry.credential) as credentials"
        )
        tally = await cursor.fetchone()

    assert enrolled == count == len(taken)
    assert (last.state, last.region_code) == (TerminalState.TESTING, HANGZHOU)
    assert card is not None
    assert card.state is SimState.ACTIVE
    assert tally == {
        "owned": count,
        "modems": count - (count + 2) // 3,
        "cards": count // 2,
        "credentials": count,
    }
