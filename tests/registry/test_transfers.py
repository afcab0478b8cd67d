"""Transfers: proposed, agreed by both sides, carried out once; what each side sees of the other."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from foundation.database import Pool, transaction
from registry import (
    due_transfers,
    ownership,
    sims,
    terminals,
    transfers,
)
from registry.errors import TerminalNotFound, TransferRefused
from registry.identifiers import Iccid
from registry.model import RegionRange
from registry.scope import Role, Scope
from registry.transfer_errors import (
    CredentialsHandedOut,
    EvidenceMissing,
    NothingToAgree,
    TransferNotFound,
    TransferOver,
)
from registry.transfer_model import Offer, Side, TransferState
from tests.conftest import Database
from tests.country import HANGZHOU, JIANGSU, everything, register
from tests.registry.transferring import JOBS, People, agree, execute, find, moved, propose, withdraw

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_a_transfer_by_consent_of_both(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """Proposed by the one, agreed by the other, carried out whole by the jobs process."""
    card = Iccid.parse("89860012345678901234")
    before, _ = await register(pool, "m-1", "m-2")
    async with transaction(pool, everything.settings()) as conn:
        await sims.register(conn, everything, iccid=card, region=JIANGSU, group_client="power-js")
        await sims.install(conn, everything, card, "m-1")
    with psycopg.connect(database.superuser, autocommit=True) as plain:
        plain.execute(
            "update registry.terminal set name = 'ours', tags = '{ours}', latitude = 31,"
            " longitude = 121"
        )
    offer = Offer(codes=["m-1", "m-2"], to_client="power-zj", message="as agreed on the phone")

    proposed = await propose(pool, people.giver, offer)
    waiting = await execute(jobs)
    asked = await find(pool, people.receiver, proposed.id)
    agreed = await agree(pool, people.receiver, proposed.id)
    async with transaction(pool, people.receiver.settings()) as conn:
        with pytest.raises(TerminalNotFound):
            await terminals.find(conn, people.receiver, "m-1")
    done = await execute(jobs)

    assert proposed.state is TransferState.PROPOSED
    assert (proposed.giving.client_name, proposed.receiving.client_name) == ("power-js", None)
    assert (asked.giving.client_code, asked.message) == ("power-js", "as agreed on the phone")
    assert agreed.state is TransferState.AGREED
    assert agreed.effective_at is not None
    assert (waiting, done) == (0, 1)
    async with transaction(pool, everything.settings()) as conn:
        after = await terminals.find(conn, everything, "m-1")
        intervals = await ownership.list_intervals(conn, everything, "m-2")
        installed = await sims.find(conn, everything, card)
        steps = await transfers.list_steps(conn, everything, proposed.id)
    assert (after.group_client_code, after.owner_since) == ("power-zj", agreed.effective_at)
    assert after.ownership_epoch == before.ownership_epoch + 1
    assert (after.name, after.tags, after.latitude, after.longitude) == (None, (), None, None)
    assert [i.group_client_id for i in intervals] == [
        before.group_client_id, after.group_client_id
    ]  # fmt: skip
    assert installed.group_client_id == after.group_client_id
    assert [(step.act, step.side, step.actor) for step in steps] == [
        ("proposed", Side.GIVING, "user:power-js"),
        ("agreed", Side.GIVING, "user:power-js"),
        ("agreed", Side.RECEIVING, "user:power-zj"),
        ("executed", None, "system:jobs"),
    ]
    assert (await find(pool, people.giver, proposed.id)).state is TransferState.EXECUTED


async def test_what_it_is_called_goes_along_where_both_agreed(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """Name, tags and position stay with a transfer that says so."""
    await register(pool, "m-1")
    with psycopg.connect(database.superuser, autocommit=True) as plain:
        plain.execute(
            "update registry.terminal set name = 'ours', tags = '{a}', latitude = 31,"
            " longitude = 121"
        )
    proposed = await propose(
        pool, people.giver, Offer(codes=["m-1"], to_client="power-zj", keep_description=True)
    )
    await agree(pool, people.receiver, proposed.id)

    assert await execute(jobs) == 1
    async with transaction(pool, everything.settings()) as conn:
        after = await terminals.find(conn, everything, "m-1")
    assert (after.name, after.tags, after.latitude) == ("ours", ("a",), 31)


async def test_the_former_password_ends_and_new_ones_are_handed_out_once(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """Nobody can sign in with what the giver knows; the receiver alone gets another, once."""
    await register(pool, "m-1", "m-2")
    logins = "select code from registry.broker_login order by code"
    proposed = await propose(pool, people.giver, Offer(codes=["m-1", "m-2"], to_client="power-zj"))
    async with transaction(pool, people.receiver.settings()) as conn:
        with pytest.raises(TransferRefused, match="not changed hands"):
            await transfers.hand_out(conn, people.receiver, proposed.id)
    await agree(pool, people.receiver, proposed.id)
    with psycopg.connect(database.superuser, autocommit=True) as plain:
        [before] = plain.execute("select count(*) from registry.broker_login").fetchall()
        await execute(jobs)
        cut_off = plain.execute(logins).fetchall()
        async with transaction(pool, people.receiver.settings()) as conn:
            issued = await transfers.hand_out(conn, people.receiver, proposed.id)
        let_in = plain.execute(logins).fetchall()
    for scope, error in (
        (people.receiver, CredentialsHandedOut),
        (people.giver, TransferNotFound),
        (people.operator, TransferNotFound),
    ):
        with pytest.raises(error):
            async with transaction(pool, scope.settings()) as conn:
                await transfers.hand_out(conn, scope, proposed.id)

    assert (before, cut_off) == ((2,), [])
    assert [new.username for new in issued] == ["m-1", "m-2"]
    assert len({new.password for new in issued}) == 2
    assert let_in == [("m-1",), ("m-2",)]
    assert (await find(pool, people.receiver, proposed.id)).credentials_at is not None
    assert (await find(pool, people.giver, proposed.id)).credentials_at is None


async def test_what_the_giver_had_under_way_is_void(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """A certificate lets nobody in and is not the receiver's to see; what was asked for is over."""
    card = Iccid.parse("89860012345678901234")
    await register(pool, "m-1")
    async with transaction(pool, everything.settings()) as conn:
        await sims.register(conn, everything, iccid=card, region=JIANGSU, group_client="power-js")
        await sims.install(conn, everything, card, "m-1")
    with psycopg.connect(database.superuser, autocommit=True) as plain:
        plain.execute(
            "insert into registry.certificate (terminal_id, serial, fingerprint, not_before,"
            " not_after) select id, 'abc', repeat('0', 64), now(), now() + interval '1 y'"
            " from registry.terminal"
        )
        plain.execute(
            "insert into registry.binding_request (sim_id, imei, reason, requested_by, expires_at)"
            " select id, '490154203237518', 'ours', 'user:x', now() + interval '1 d'"
            " from registry.sim"
        )
        for client in ("power-js", "power-zj"):
            plain.execute(
                "with c as (insert into registry.collection (name, group_client_id)"
                " select 'all', id from registry.group_client where code = %s returning id)"
                " insert into registry.collection_member"
                " select c.id, t.id from c, registry.terminal t",
                (client,),
            )
    proposed = await propose(pool, people.giver, Offer(codes=["m-1"], to_client="power-zj"))
    await agree(pool, people.receiver, proposed.id)

    assert await execute(jobs) == 1
    with psycopg.connect(database.superuser) as superuser:
        asked = superuser.execute("select state from registry.binding_request").fetchall()
        shown = superuser.execute("select reason from registry.certificate").fetchall()
        sets = superuser.execute(
            "select g.code from registry.collection_member m"
            " join registry.collection c on c.id = m.collection_id"
            " join registry.group_client g on g.id = c.group_client_id"
        ).fetchall()
    async with transaction(pool, people.receiver.settings()) as conn:
        seen = await (await conn.execute("select from registry.certificate")).fetchall()
    assert (asked, shown, seen) == ([("expired",)], [("privilege_withdrawn",)], [])
    assert sets == [("power-zj",)]


async def test_each_side_speaks_for_itself(pool: Pool, people: People) -> None:
    """Nobody agrees for the other side, twice, or for a client without evidence."""
    await register(pool, "m-1")
    offer = Offer(codes=["m-1"], to_client="power-zj")
    proposed = await propose(pool, people.operator, offer)
    assert [party.agreed_at for party in proposed.parties] == [None, None]

    with pytest.raises(EvidenceMissing):
        await agree(pool, people.operator, proposed.id)
    given = await agree(pool, people.operator, proposed.id, "letter 7")
    assert given.giving.agreed_at is not None
    assert given.state is TransferState.PROPOSED
    for scope in (people.giver, people.operator):  # the receiver's file is not Jiangsu's to see
        with pytest.raises(NothingToAgree):
            await agree(pool, scope, proposed.id, "letter 7")
    agreed = await agree(pool, people.far, proposed.id, "mail of today")
    assert agreed.state is TransferState.AGREED
    with pytest.raises(TransferOver):
        await agree(pool, people.receiver, proposed.id)


async def test_the_operator_agrees_at_once_where_it_has_evidence(pool: Pool, jobs: Pool) -> None:
    """With evidence for both sides there is nothing left to wait for."""
    await register(pool, "m-1")
    evidence = {Side.GIVING: "contract 1", Side.RECEIVING: "contract 2"}
    offer = Offer(codes=["m-1"], to_client="power-zj", effective_at=NOON, evidence=evidence)

    proposed = await propose(pool, everything, offer)

    assert proposed.state is TransferState.AGREED
    assert await execute(jobs) == 1
    async with transaction(pool, everything.settings()) as conn:
        assert (await terminals.find(conn, everything, "m-1")).owner_since == NOON
        steps = await transfers.list_steps(conn, everything, proposed.id)
    assert [step.evidence for step in steps] == [None, "contract 1", "contract 2", None]


async def test_stock_is_the_operators_to_give_and_to_take(pool: Pool, people: People) -> None:
    """Of its own terminals the operator is the side; a client hands its own back to it."""
    await register(pool, "stock", group_client=None)
    await register(pool, "m-1")

    given = await propose(pool, people.operator, Offer(codes=["stock"], to_client="power-js"))
    back = await propose(pool, people.giver, Offer(codes=["m-1"], to_client=None))

    assert given.giving.agreed_at is not None
    assert (await agree(pool, people.giver, given.id)).state is TransferState.AGREED
    assert (await agree(pool, people.operator, back.id)).state is TransferState.AGREED


async def test_whether_there_is_a_receiver_is_not_told(pool: Pool, people: People) -> None:
    """A code that nobody has is answered as one that somebody has; nobody can agree to it."""
    await register(pool, "m-1", "m-2")

    there = await propose(pool, people.giver, Offer(codes=["m-1"], to_client="power-zj"))
    absent = await propose(pool, people.giver, Offer(codes=["m-2"], to_client="power-qq"))

    told = [
        (t.state, t.receiving.client_name, t.receiving.is_operator, t.receiving.is_seen)
        for t in (there, absent)
    ]
    assert told == [(TransferState.PROPOSED, None, False, False)] * 2
    with pytest.raises(NothingToAgree):
        await agree(pool, everything, absent.id, "letter 7")


async def test_a_transfer_ends_by_who_steps_back(pool: Pool, people: People) -> None:
    """Cancelled by who proposed it, refused by who was asked; agreed or not, and then no more."""
    await register(pool, "m-1")
    offer = Offer(codes=["m-1"], to_client="power-zj")
    soon = datetime.now(UTC) + timedelta(days=2)
    ends = []
    for proposer, ender in (
        (people.giver, people.giver),
        (people.giver, people.receiver),
        (people.operator, people.giver),
        (people.operator, people.operator),
    ):
        proposed = await propose(pool, proposer, offer)
        ended = await withdraw(pool, ender, proposed.id)
        with pytest.raises(TransferOver):
            await agree(pool, people.receiver, proposed.id)
        ends.append((ended.state, ended.end_reason))
    later = Offer(codes=["m-1"], to_client="power-zj", effective_at=soon)
    agreed = await propose(pool, people.giver, later)
    await agree(pool, people.receiver, agreed.id)
    assert (await withdraw(pool, people.receiver, agreed.id)).state is TransferState.REFUSED

    assert ends == [
        (TransferState.CANCELLED, "not now"),
        (TransferState.REFUSED, "not now"),
        (TransferState.REFUSED, "not now"),
        (TransferState.CANCELLED, "not now"),
    ]
    with pytest.raises(TransferOver):
        await withdraw(pool, people.giver, agreed.id)


async def test_what_nobody_agrees_on_expires(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """After 30 days, or when its own time comes; and from then on nobody can agree."""
    await register(pool, "m-1")
    soon = datetime.now(UTC) + timedelta(hours=1)
    offer = Offer(codes=["m-1"], to_client="power-zj", effective_at=soon)
    proposed = await propose(pool, people.giver, offer)
    assert proposed.expires_at == soon
    moved(database, proposed.id, "expires_at", "now()")

    with pytest.raises(TransferOver):
        await agree(pool, people.receiver, proposed.id)
    async with transaction(jobs, JOBS.settings()) as conn:
        assert await due_transfers.expire(conn, JOBS) == 1
        assert await due_transfers.expire(conn, JOBS) == 0

    assert (await find(pool, people.giver, proposed.id)).state is TransferState.EXPIRED
    again = await propose(pool, people.giver, Offer(codes=["m-1"], to_client="power-zj"))
    assert again.expires_at - again.proposed_at == timedelta(days=transfers.CONSENT_DAYS)


async def test_a_transfer_waits_for_its_time(
    pool: Pool, jobs: Pool, people: People, database: Database
) -> None:
    """What is agreed for later is carried out when that time has come, and not before."""
    await register(pool, "m-1")
    soon = datetime.now(UTC) + timedelta(hours=1)
    offer = Offer(codes=["m-1"], to_client="power-zj", effective_at=soon)
    proposed = await propose(pool, people.giver, offer)
    await agree(pool, people.receiver, proposed.id)

    assert await execute(jobs) == 0
    moved(database, proposed.id, "effective_at", "now()")
    assert await execute(jobs) == 1


async def test_who_is_no_side_sees_no_side(pool: Pool, people: People) -> None:
    """A supervisor of the place knows that there is one, not between whom; others know nothing."""
    await register(pool, "m-1", region=HANGZHOU)
    await register(pool, "m-2", region=HANGZHOU, group_client=None)
    within = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(330100, 330199))
    elsewhere = Scope.of_role("user:e", Role.SUPERVISOR, region=RegionRange(110000, 119999))
    proposed = await propose(
        pool, people.giver, Offer(codes=["m-1"], to_client="power-qq", message="ours")
    )
    other = await propose(pool, people.far, Offer(codes=["m-2"], to_client="power-js"))

    seen = await find(pool, within, proposed.id)
    async with transaction(pool, people.receiver.settings()) as conn:
        theirs = await transfers.list_page(conn, people.receiver)
    async with transaction(pool, people.giver.settings()) as conn:
        page = await transfers.list_page(conn, people.giver, terminal="m-2")

    assert seen.terminals == 1
    assert {party.client_code for party in seen.parties} == {None}
    assert seen.message is None
    with pytest.raises(TransferNotFound):
        await find(pool, elsewhere, proposed.id)
    assert list(theirs.items) == []
    assert [item.id for item in page.items] == [other.id]
