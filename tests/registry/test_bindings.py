"""Rules of SIMs: one at a time, never rewritten; another hardware by request and approval."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Pool, transaction
from foundation.errors import MusterError
from registry import binding_requests, bindings, sims
from registry.binding_errors import (
    BindingKept,
    BindingRequestNotFound,
    ExpiryInvalid,
    NotBound,
    OwnRequest,
    RequestClosed,
    RequestThere,
    RuleInvalid,
)
from registry.binding_requests import RequestState
from registry.bindings import BindingAction, Mode, Rule, Verdict
from registry.errors import IntervalEmpty, MomentAhead, SimNotFound
from registry.identifiers import Iccid, IdentifierInvalid, Imei
from registry.model import RegionCode, RegionRange
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything

CARD = Iccid.parse("89860012345678901234")
IMEI, OTHER = "490154203237518", "356938035643809"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

lina = Scope.of_role("user:lina", Role.OPERATOR, region=RegionRange(320000, 329999))
bo = Scope.of_role("user:bo", Role.OPERATOR, region=RegionRange(320000, 329999))


async def card(
    pool: Pool, iccid: Iccid = CARD, *, region: RegionCode = NANJING, client: str | None = None
) -> Iccid:
    """A SIM on the roll."""
    async with transaction(pool, everything.settings()) as conn:
        await sims.register(conn, everything, iccid=iccid, region=region, group_client=client)
    return iccid


@pytest.mark.parametrize(
    ("mode", "imeis", "tacs"),
    [
        (Mode.OFF, (IMEI,), ()),
        (Mode.FIRST_SEEN, (), ("49015420",)),
        (Mode.EXACT, (), ()),
        (Mode.EXACT, (IMEI, OTHER), ()),
        (Mode.IMEI_LIST, (), ()),
        (Mode.TAC, (IMEI,), ("49015420",)),
        (Mode.TAC, (), ()),
    ],
)
def test_a_rule_names_what_its_mode_asks_for(
    mode: Mode, imeis: tuple[str, ...], tacs: tuple[str, ...]
) -> None:
    """Neither less nor more."""
    with pytest.raises(RuleInvalid):
        Rule.parse(mode, imeis, tacs)


def test_a_rule_is_in_normal_form() -> None:
    """Each number once, without the blanks that people group them with; wrong ones are refused."""
    rule = Rule.parse(Mode.IMEI_LIST, ("49-015420-323751-8", IMEI, OTHER))

    assert rule.imeis == (IMEI, OTHER)
    for mode, imeis, tacs in (
        (Mode.EXACT, ("490154203237519",), ()),
        (Mode.TAC, (), ("4901542",)),
        (Mode.TAC, (), ("4901542x",)),
    ):
        with pytest.raises(IdentifierInvalid):
            Rule.parse(mode, imeis, tacs)


async def test_a_rule_holds_until_the_next_one(pool: Pool) -> None:
    """Who set it and from when to when is on record; `off` is a rule, too."""
    await card(pool)
    async with transaction(pool, lina.settings()) as conn:
        assert await bindings.find(conn, lina, CARD) is None
        first = await bindings.put(conn, lina, CARD, Rule(Mode.EXACT, (IMEI,)), at=NOON)
        rule = Rule(Mode.TAC, tacs=("49015420",), action=BindingAction.ISOLATE)
        second = await bindings.put(conn, lina, CARD, rule, reason="new meters", at=NOON + HOUR)
        off = await bindings.put(conn, lina, CARD, Rule(Mode.OFF))
        past = (await bindings.list_past(conn, lina, CARD)).items
        pages = [await bindings.list_past(conn, lina, CARD, after=a, limit=2) for a in (None, "2")]

    assert (first.mode, first.imeis, first.verdict) == (Mode.EXACT, (IMEI,), Verdict.UNPROVEN)
    assert (second.tacs, second.action, second.reason) == (
        ("49015420",),
        BindingAction.ISOLATE,
        "new meters",
    )
    assert (off.verdict, off.valid_to, off.set_by) == (None, None, "user:lina")
    assert [b.version for b in past] == [3, 2, 1]
    assert [b.valid_to for b in past] == [None, off.valid_from, NOON + HOUR]
    assert [[b.version for b in page.items] for page in pages] == [[3, 2], [1]]
    assert [page.next_key for page in pages] == ["2", None]


async def test_a_rule_begins_after_the_one_before_and_not_in_the_future(pool: Pool) -> None:
    """What is put on record late still follows what is there."""
    await card(pool)
    async with transaction(pool, lina.settings()) as conn:
        await bindings.put(conn, lina, CARD, Rule(Mode.FIRST_SEEN), at=NOON)
    ahead = datetime.now(UTC) + HOUR
    for at, error in ((NOON - HOUR, IntervalEmpty), (NOON, IntervalEmpty), (ahead, MomentAhead)):
        with pytest.raises(error):
            async with transaction(pool, lina.settings()) as conn:
                await bindings.put(conn, lina, CARD, Rule(Mode.OFF), at=at)


async def test_many_rules_at_once(pool: Pool) -> None:
    """As an import sets them: each SIM's present rule ends where the new one begins."""
    cards = [await card(pool, Iccid(f"8986001234567890{n:04}")) for n in range(5)]
    async with transaction(pool, everything.settings()) as conn:
        ids = [(await sims.find(conn, everything, iccid)).id for iccid in cards]
        await bindings.put(conn, everything, cards[0], Rule(Mode.FIRST_SEEN), at=NOON)
        rules = [(sim, Rule(Mode.EXACT, (IMEI,))) for sim in ids]
        count = await bindings.put_many(conn, everything, rules, reason="order 7")
        found = [await bindings.find(conn, everything, iccid) for iccid in cards]

    assert count == 5
    assert [b and (b.mode, b.version) for b in found] == [(Mode.EXACT, 2), *[(Mode.EXACT, 1)] * 4]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(st.integers(0, 48), st.sampled_from([*Mode]), st.sampled_from([*BindingAction])),
        max_size=8,
    )
)
async def test_no_two_at_a_time_whatever_is_put_when(
    pool: Pool, wanted: list[tuple[int, Mode, BindingAction]]
) -> None:
    """Random timelines: what is refused changes nothing, and the rest is one line without gaps."""
    async with transaction(pool, everything.settings()) as conn:
        count = await (await conn.execute("select count(*) as n from registry.sim")).fetchone()
    assert count is not None
    iccid = await card(pool, Iccid(f"89860012345678{count['n']:06}"))
    model: list[tuple[datetime, Mode, BindingAction]] = []
    for hours, mode, action in wanted:
        at = NOON + hours * HOUR
        imeis = (IMEI,) if mode in {Mode.EXACT, Mode.IMEI_LIST} else ()
        rule = Rule(mode, imeis, ("49015420",) if mode is Mode.TAC else (), action)
        try:
            async with transaction(pool, everything.settings()) as conn:
                await bindings.put(conn, everything, iccid, rule, at=at)
        except MusterError:
            assert at <= model[-1][0]
        else:
            assert not model or at > model[-1][0]
            model.append((at, mode, action))

    async with transaction(pool, everything.settings()) as conn:
        past = [*reversed((await bindings.list_past(conn, everything, iccid)).items)]
    assert [(b.valid_from, b.mode, b.action) for b in past] == model
    ends: list[datetime | None] = [at for at, *_ in model[1:]]
    assert [b.valid_to for b in past] == ([*ends, None] if model else [])


@pytest.mark.parametrize(
    "change",
    [
        "update registry.binding set mode = 'off', imeis = '{}' where valid_to is null",
        "update registry.binding set set_by = 'nobody' where valid_to is null",
        "update registry.binding set valid_to = now() where valid_to is not null",
        "update registry.binding set verdict = 'ok' where valid_to is not null",
        "delete from registry.binding",
    ],
)
async def test_what_was_a_rule_stays_as_it_was(pool: Pool, database: Database, change: str) -> None:
    """Not even the owner of the database rewrites a rule, or the verdict on one that is over."""
    await card(pool)
    async with transaction(pool, lina.settings()) as conn:
        await bindings.put(conn, lina, CARD, Rule(Mode.FIRST_SEEN), at=NOON)
        await bindings.put(conn, lina, CARD, Rule(Mode.EXACT, (IMEI,)))
    with psycopg.connect(database.superuser) as plain, pytest.raises(psycopg.Error) as caught:
        plain.execute(change.encode())

    assert caught.value.diag.constraint_name == "binding_is_never_rewritten"
    assert BindingKept.code == "binding_kept"


async def test_overlapping_intervals_are_refused_by_the_database(
    pool: Pool, database: Database
) -> None:
    """Whoever writes them, and however."""
    await card(pool)
    async with transaction(pool, lina.settings()) as conn:
        await bindings.put(conn, lina, CARD, Rule(Mode.FIRST_SEEN), at=NOON)
    with psycopg.connect(database.superuser) as plain, pytest.raises(psycopg.Error) as caught:
        plain.execute(
            "insert into registry.binding (sim_id, mode, set_by, valid_from, valid_to)"
            " select sim_id, 'off', 'x', valid_from + interval '1 h', valid_from + interval '2 h'"
            " from registry.binding"
        )

    assert caught.value.diag.constraint_name == "one_binding_at_a_time"


async def test_a_sim_out_of_scope_is_none(pool: Pool) -> None:
    """Neither read nor set, and told from one that is not there by nothing."""
    await card(pool, region=HANGZHOU)
    for iccid in (CARD, Iccid("89860012345678909999")):
        async with transaction(pool, lina.settings()) as conn:
            with pytest.raises(SimNotFound):
                await bindings.find(conn, lina, iccid)
            with pytest.raises(SimNotFound):
                await bindings.put(conn, lina, iccid, Rule(Mode.OFF))


async def test_another_hardware_by_request_and_approval(pool: Pool) -> None:
    """A new dated rule with the request behind it; who asked cannot approve."""
    await card(pool)
    async with transaction(pool, lina.settings()) as conn:
        rule = Rule(Mode.EXACT, (IMEI,), action=BindingAction.REFUSE)
        await bindings.put(conn, lina, CARD, rule, at=NOON)
        request = await binding_requests.ask(
            conn, lina, CARD, Imei.parse(OTHER), reason="modem broken"
        )
        with pytest.raises(OwnRequest):
            await binding_requests.approve(conn, lina, request.id)
        with pytest.raises(OwnRequest):
            await binding_requests.decline(conn, lina, request.id)
    async with transaction(pool, bo.settings()) as conn:
        approved = await binding_requests.approve(conn, bo, request.id, remark="seen on site")
        now = await bindings.find(conn, bo, CARD)

    assert (approved.state, approved.decided_by) == (RequestState.APPROVED, "user:bo")
    assert now is not None
    assert (now.imeis, now.action, now.version, now.set_by) == (
        (OTHER,),
        BindingAction.REFUSE,
        2,
        "user:bo",
    )
    assert now.reason == f"request {request.id}"
    async with transaction(pool, bo.settings()) as conn:
        for decide in (binding_requests.approve, binding_requests.decline):
            with pytest.raises(RequestClosed):
                await decide(conn, bo, request.id)


async def test_nobody_approves_their_own_even_in_sql(pool: Pool, database: Database) -> None:
    """The database knows the rule, too."""
    await card(pool)
    async with transaction(pool, lina.settings()) as conn:
        await bindings.put(conn, lina, CARD, Rule(Mode.FIRST_SEEN), at=NOON)
        await binding_requests.ask(conn, lina, CARD, Imei.parse(OTHER), reason="x")
    with psycopg.connect(database.superuser) as plain, pytest.raises(psycopg.Error) as caught:
        plain.execute(
            "update registry.binding_request r set state = 'approved', decided_by = requested_by,"
            " decided_at = now(), binding_id = (select id from registry.binding)"
        )

    assert caught.value.diag.constraint_name == "nobody_approves_the_own_request"


@pytest.mark.parametrize(
    ("rule", "imeis", "tacs"),
    [
        (Rule(Mode.FIRST_SEEN), (OTHER,), ()),
        (Rule(Mode.IMEI_LIST, (IMEI,)), (IMEI, OTHER), ()),
        (Rule(Mode.TAC, tacs=("49015420",)), (), ("49015420", "35693803")),
    ],
)
async def test_lists_take_the_new_hardware_in(
    pool: Pool, rule: Rule, imeis: tuple[str, ...], tacs: tuple[str, ...]
) -> None:
    """Beside what they allow already; what was seen first becomes exact."""
    await card(pool)
    async with transaction(pool, lina.settings()) as conn:
        await bindings.put(conn, lina, CARD, rule, at=NOON)
        request = await binding_requests.ask(conn, lina, CARD, Imei.parse(OTHER), reason="x")
    async with transaction(pool, bo.settings()) as conn:
        await binding_requests.approve(conn, bo, request.id)
        now = await bindings.find(conn, bo, CARD)

    assert now is not None
    assert (now.imeis, now.tacs) == (imeis, tacs)


async def test_a_request_is_one_at_a_time_and_ends(pool: Pool, database: Database) -> None:
    """Declined, withdrawn by who asked, or expired; then another may be asked."""
    await card(pool)
    async with transaction(pool, lina.settings()) as conn:
        with pytest.raises(NotBound):
            await binding_requests.ask(conn, lina, CARD, Imei.parse(OTHER), reason="x")
        await bindings.put(conn, lina, CARD, Rule(Mode.FIRST_SEEN), at=NOON)
        for wrong in (timedelta(minutes=1), timedelta(days=32)):
            with pytest.raises(ExpiryInvalid):
                await binding_requests.ask(
                    conn, lina, CARD, Imei.parse(OTHER), reason="x", lasting=wrong
                )
        first = await binding_requests.ask(conn, lina, CARD, Imei.parse(OTHER), reason="x")
        assert (await binding_requests.list_page(conn, lina, iccid=CARD)).items == [first]
        stranger = Iccid("89860012345678909999")
        assert (await binding_requests.list_page(conn, lina, iccid=stranger)).items == []
    with pytest.raises(RequestThere):
        async with transaction(pool, bo.settings()) as conn:
            await binding_requests.ask(conn, bo, CARD, Imei.parse(OTHER), reason="y")
    async with transaction(pool, bo.settings()) as conn:
        with pytest.raises(BindingRequestNotFound):
            await binding_requests.withdraw(conn, bo, first.id)
        await binding_requests.decline(conn, bo, first.id)
    async with transaction(pool, lina.settings()) as conn:
        second = await binding_requests.ask(conn, lina, CARD, Imei.parse(OTHER), reason="z")
        withdrawn = await binding_requests.withdraw(conn, lina, second.id)
        third = await binding_requests.ask(conn, lina, CARD, Imei.parse(OTHER), reason="z")
    with psycopg.connect(database.superuser, autocommit=True) as plain:
        plain.execute(
            "update registry.binding_request set requested_at = now() - interval '2 d',"
            " expires_at = now() - interval '1 d' where id = %s",
            (third.id,),
        )
    async with transaction(pool, bo.settings()) as conn:
        with pytest.raises(RequestClosed):
            await binding_requests.approve(conn, bo, third.id)
        expired = await binding_requests.list_page(conn, bo, state=RequestState.EXPIRED)
        await binding_requests.ask(conn, bo, CARD, Imei.parse(OTHER), reason="again")
        states = [r.state for r in (await binding_requests.list_page(conn, bo)).items]

    assert withdrawn.state is RequestState.WITHDRAWN
    assert [r.id for r in expired.items] == [third.id]
    assert states == ["open", "expired", "withdrawn", "declined"]
