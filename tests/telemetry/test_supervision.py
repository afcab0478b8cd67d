"""Roll-ups of supervision: equal to the truth, whoever asks, and of whichever day."""

import itertools
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from foundation.database import Pool, transaction
from foundation.errors import Invalid
from registry import assignments, bindings, group_clients, regions, sims, terminals
from registry.assignments import Order
from registry.bindings import Mode, Rule
from registry.identifiers import Iccid
from registry.model import RegionLevel, RegionRange, TerminalState
from registry.scope import Role, Scope
from telemetry import supervision, supervision_days
from telemetry.roll_call import RollCall
from telemetry.supervision_model import Counts, Rate, RollUpBy
from tests.conftest import Database
from tests.country import HANGZHOU, HEADQUARTERS, JIANGSU, NANJING, ZHEJIANG, everything, register
from tests.telemetry.ground import connected, execute, read
from tests.telemetry.supervised import (
    ABROAD,
    MIDNIGHT,
    SUPERVISOR,
    TODAY,
    UTC_ZONE,
    appoint_managers,
    rolled,
    rows,
    take,
    two_provinces,
)
from tests.telemetry.test_roll_call import call, heard


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The same, for one test."""
    async with two_provinces(database) as opened:
        yield opened


async def test_every_region_has_a_row(pool: Pool) -> None:
    """Provinces for the headquarters, cities for a province; one with none has 0, no rate."""
    provinces = await rows(pool, RollUpBy.REGION)
    cities = await rows(pool, RollUpBy.REGION, within=ZHEJIANG)
    async with transaction(pool, everything.settings()) as conn:
        tree = await regions.list_all(conn, everything)

    assert list(provinces) == [str(r.code) for r in tree if r.level is not RegionLevel.CITY]
    js = provinces[str(JIANGSU)].counts
    assert (js.terminals, js.in_service, js.online, js.registered) == (8, 7, 3, 1)
    assert (js.customers, js.verified) == (1, 1)
    assert js.online_rate == pytest.approx(3 / 7)
    assert js.activation_rate == pytest.approx(7 / 8)
    assert list(cities) == [str(ZHEJIANG), str(HANGZHOU)]
    assert (cities[str(HANGZHOU)].counts.terminals, cities[str(HANGZHOU)].counts.customers) == (
        1,
        0,
    )
    assert (cities[str(ZHEJIANG)].counts.terminals, cities[str(ZHEJIANG)].counts.customers) == (
        0,
        1,
    )
    nobody = provinces[str(HEADQUARTERS)].counts
    assert nobody == Counts()
    assert {nobody.rate(rate) for rate in Rate} == {None}


async def test_a_supervisor_sees_the_own_clients_and_what_is_installed_there(pool: Pool) -> None:
    """Of others the terminals only, never the file; of the own clients those elsewhere, too."""
    regions_seen = await rows(pool, RollUpBy.REGION, SUPERVISOR)
    tiers = await rows(pool, RollUpBy.TIER, SUPERVISOR)
    clients = await rows(pool, RollUpBy.CLIENT, SUPERVISOR)
    abroad = await rows(pool, RollUpBy.INDUSTRY, ABROAD)
    root = (await rolled(pool, RollUpBy.REGION, SUPERVISOR)).root

    assert root is not None
    assert root.code == JIANGSU
    assert list(regions_seen) == [str(JIANGSU), str(NANJING), str(ZHEJIANG)]
    assert {k: r.counts.terminals for k, r in regions_seen.items()} == {
        str(JIANGSU): 1, str(NANJING): 7, str(ZHEJIANG): 1}  # fmt: skip
    assert {k: (r.counts.terminals, r.counts.customers) for k, r in tiers.items()} == {
        "gold": (7, 1), None: (2, 0)}  # fmt: skip
    assert {k: r.counts.terminals for k, r in clients.items()} == {"power-js": 7}
    assert {k: (r.counts.terminals, r.counts.customers) for k, r in abroad.items()} == {
        "power": (1, 1), None: (1, 0)}  # fmt: skip


async def test_who_has_no_scope_counts_nothing(pool: Pool, database: Database) -> None:
    """Row-level security stands behind the filter, and the filter before it: each alone holds."""
    nowhere = Scope.of_role("user:n", Role.SUPERVISOR, region=RegionRange(110000, 119999))
    day = await take(database, 1)
    for by in RollUpBy:
        for when in (None, day):
            async with transaction(pool, nowhere.settings()) as conn:
                lied_to = await supervision.roll_up(conn, everything, by, day=when)
            async with transaction(pool, everything.settings()) as conn:
                filtered = await supervision.roll_up(conn, nowhere, by, day=when)
            for found in (lied_to, filtered):
                assert sum(row.counts.terminals for row in found.rows) == 0, (by, when)
                assert sum(row.counts.customers or 0 for row in found.rows) == 0, (by, when)


SLOW = """
    select case %(by)s when 'region' then case r.level when 'city' then r.parent_code
            else r.code end::text when 'sector' then p.sector when 'level' then c.level
            when 'industry' then c.industry_code when 'class' then i.class
            when 'tier' then c.tier_code when 'client' then c.code
            when 'manager' then case when c.id > 0 then coalesce(a.person, '_nobody') end
            end as key,
        count(*) filter (where t.state <> 'retired') as terminals,
        count(*) filter (where t.state = 'in_service') as in_service,
        count(*) filter (where t.state = 'in_service' and s.data_at >= t.owner_since
            and s.silent_since is null) as online
    from registry.terminal t join registry.profile p on p.id = t.profile_id
    join registry.region r on r.code = t.region_code
    left join registry.group_client c on c.id = t.group_client_id
        and c.region_code between %(from)s and %(to)s
    left join registry.industry i on i.code = c.industry_code
    left join telemetry.presence s on s.terminal_id = t.id
    left join registry.assignment a on a.group_client_id = c.id and a.role = 'account_manager'
        and a.valid_from <= %(at)s and coalesce(a.valid_to > %(at)s, true)
    where t.region_code between %(low)s and %(high)s
        and (t.region_code between %(from)s and %(to)s or c.id > 0) group by 1"""


@pytest.mark.parametrize("seed", range(2))
async def test_sums_equal_the_truth_counted_one_by_one(
    pool: Pool, database: Database, seed: int
) -> None:
    """Of random terminals of many clients, by everything, whole and within; of each supervisor."""
    dice = random.Random(seed)
    owners: list[str | None] = [None, "power-js", "power-zj"]
    async with transaction(pool, everything.settings()) as conn:
        for n in range(6):
            region = dice.choice([HEADQUARTERS, NANJING, HANGZHOU, ZHEJIANG])
            owners.append(f"c-{n}")
            await group_clients.register(conn, everything, code=f"c-{n}", name=f"c-{n}",
                                         region=region, industry="power", tier="gold")  # fmt: skip
        await appoint_managers(conn)
        for owner in owners[1:]:
            who, other = dice.sample([None, "ann", "bob"], 2)
            if owner is None or who is None:
                continue
            order = Order([owner], datetime.now(UTC) - timedelta(days=dice.choice([1, 3])))
            await assignments.assign(conn, everything, who, order)
            if other is not None:
                await assignments.hand_over(conn, everything, who, other, Order([owner]))
    for n in range(40):
        (one,) = await register(
            pool,
            f"r-{n}",
            region=dice.choice([HEADQUARTERS, JIANGSU, NANJING, HANGZHOU]),
            group_client=dice.choice(owners),
            state=dice.choice([TerminalState.REGISTERED, TerminalState.TESTING,
                               TerminalState.IN_SERVICE]),
        )  # fmt: skip
        if dice.random() < 0.6:
            heard(database, one.id, silent=dice.random() < 0.3)
    await call(database, RollCall())
    day = await take(database, 1)

    country, province = (0, 999999), (320000, 329999)
    for by, (scope, sees), (within, (low, high)) in itertools.product(
        RollUpBy,
        ((everything, country), (SUPERVISOR, province), (ABROAD, (330000, 339999))),
        ((None, country), (JIANGSU, province)),
    ):
        if by is RollUpBy.REGION and (within or scope is not everything):
            continue  # cities, which the slow query does not know
        wanted = {"by": by.value, "low": low, "high": high, "from": sees[0], "to": sees[1]}
        for when, at in ((None, datetime.now(UTC)), (day, MIDNIGHT - timedelta(microseconds=1))):
            with psycopg.connect(database.superuser) as slow:
                found = slow.execute(SLOW.encode(), wanted | {"at": at}).fetchall()
            truth = {key: counted for key, *counted in found if by is not RollUpBy.CLIENT or key}
            seen = {
                key: [row.counts.terminals, row.counts.in_service, row.counts.online]
                for key, row in (await rows(pool, by, scope, within=within, day=when)).items()
                if row.counts.terminals
            }
            assert seen == truth, (by, scope.actor, within, when)


async def test_a_day_stays_as_it_was_taken(pool: Pool, database: Database) -> None:
    """A client that moves, a terminal that goes and a file that falls due change no day before."""
    before = await take(database, 2)
    execute(
        database,
        "update registry.group_client set region_code = 330000, file_state = 'due' where code ="
        " 'power-js'",
    )
    async with transaction(pool, everything.settings()) as conn:
        await terminals.move_to(conn, everything, "m-0", TerminalState.MAINTENANCE)
    await call(database, RollCall())
    after = await take(database, 1)

    then = await rows(pool, RollUpBy.REGION, day=before)
    both = await rows(pool, RollUpBy.REGION, day=after, compared_with=before)
    js, zj = both[str(JIANGSU)], both[str(ZHEJIANG)]
    assert then[str(JIANGSU)].counts == js.then
    assert (js.then and js.then.customers, js.counts.customers, js.customers_grown) == (1, 0, -1)
    assert (zj.counts.customers, zj.counts.verified, zj.counts.files_due) == (2, 0, 1)
    assert (js.then and js.then.in_service, js.counts.in_service) == (7, 6)
    assert js.change(Rate.ONLINE) == pytest.approx(2 / 6 - 3 / 7)
    assert js.change(Rate.VERIFIED) is None
    assert js.grown == 0
    assert (await rows(pool, RollUpBy.REGION, SUPERVISOR, day=before))[
        str(ZHEJIANG)
    ].counts.terminals
    assert str(ZHEJIANG) not in await rows(pool, RollUpBy.REGION, SUPERVISOR, day=after)


async def test_a_day_is_taken_once_in_time_and_when_everybody_was_called(
    pool: Pool, database: Database
) -> None:
    """Twice, late, before the roll was called since midnight, or before a later day: not at all."""
    midnight = datetime.combine(TODAY, datetime.min.time(), UTC)
    tomorrow = midnight + timedelta(days=1)

    async def taken(at: datetime) -> bool:
        async with connected(database.jobs) as conn:
            return await supervision_days.take(conn, at, UTC_ZONE)

    assert not await taken(tomorrow + timedelta(hours=1))  # nobody was called since
    assert not await taken(midnight + supervision_days.LATEST + timedelta(seconds=1))
    assert await taken(midnight + supervision_days.LATEST)
    assert not await taken(midnight + supervision_days.LATEST)
    assert not await taken(midnight - timedelta(hours=20))  # an earlier one, after a later one
    async with transaction(pool, everything.settings()) as conn:
        (one,) = await supervision.list_days(conn, everything)
    assert (one.day, one.ended_at) == (TODAY - timedelta(days=1), midnight)
    for how in ({"day": TODAY}, {"compared_with": TODAY}):
        with pytest.raises(Invalid, match=f"No figures of {TODAY}") as refused:
            await rolled(pool, RollUpBy.REGION, everything, **how)
        assert refused.value.field == next(iter(how))


async def test_a_day_ends_at_the_midnight_of_the_zone(pool: Pool, database: Database) -> None:
    """16:00 UTC is midnight in Shanghai."""
    at = datetime.combine(TODAY, datetime.min.time(), UTC) - timedelta(hours=7, minutes=59)
    async with connected(database.jobs) as conn:
        assert await supervision_days.take(conn, at, ZoneInfo("Asia/Shanghai"))
    async with transaction(pool, everything.settings()) as conn:
        (one,) = await supervision.list_days(conn, everything)

    assert one.day == TODAY - timedelta(days=1)
    assert one.ended_at == at - timedelta(minutes=1)


async def test_messages_of_a_day_and_what_was_expected(pool: Pool, database: Database) -> None:
    """By key; expected of those in service on the day and before, unknown where that is missing."""
    first, second = await take(database, 3), await take(database, 2)
    execute(
        database,
        "insert into telemetry.completeness_daily (day, group_client_id, region_code, sector,"
        " received, stored, duplicate, quarantined, late, bytes) select %s, id, %s, 'power', 5100,"
        " 5040, 0, 60, 0, 70000 from registry.group_client where code = 'power-js'",
        second,
        int(NANJING),
    )

    for by, key in (
        (RollUpBy.REGION, str(JIANGSU)),
        (RollUpBy.SECTOR, "power"),
        (RollUpBy.TIER, "gold"),
        (RollUpBy.CLIENT, "power-js"),
    ):
        counts = (await rows(pool, by, day=second))[key].counts
        assert (counts.received, counts.stored, counts.bytes) == (5100, 5040, 70000), by
        assert counts.expected == counts.in_service * 1440, by
        assert counts.completeness_rate == pytest.approx(5040 / counts.expected), by
        unknown = (await rows(pool, by, day=first))[key].counts
        assert (unknown.expected, unknown.completeness_rate) == (None, None)


async def test_bindings_are_counted_where_their_terminals_are(
    pool: Pool, database: Database
) -> None:
    """SIMs in terminals that may connect: bound, proven and violated, until one is taken out."""
    cards = [Iccid.parse(f"8986001234567890{n:04d}") for n in range(3)]
    async with transaction(pool, everything.settings()) as conn:
        for card, code in zip(cards, ("m-0", "away", "raw"), strict=True):
            await sims.register(conn, everything, iccid=card, region=NANJING)
            await sims.install(conn, everything, card, code)
        await bindings.put(conn, everything, cards[0], Rule(Mode.FIRST_SEEN))
    execute(database, "update registry.binding set verdict = 'violated', violation = 'rival_sim'")
    async with connected(database.jobs) as conn:
        await supervision_days.count_bindings(conn)
    found = await rolled(pool, RollUpBy.REGION)
    counted = {row.key: row.counts for row in found.rows}
    day = await take(database, 1)
    js, zj = counted[str(JIANGSU)], counted[str(ZHEJIANG)]

    assert (js.sims_in_use, js.sims_bound, js.sims_violated, js.binding_coverage) == (1, 1, 1, 1.0)
    assert (zj.sims_in_use, zj.sims_bound, zj.binding_coverage) == (1, 0, 0.0)
    assert found.bindings_at is not None
    assert (await rows(pool, RollUpBy.SECTOR, day=day))["power"].counts.sims_in_use == 2
    async with transaction(pool, everything.settings()) as conn:
        await sims.remove(conn, everything, cards[1])
    async with connected(database.jobs) as conn:
        await supervision_days.count_bindings(conn)
    assert (await rows(pool, RollUpBy.REGION))[str(ZHEJIANG)].counts.sims_in_use == 0
    assert len(read(database, "select from telemetry.binding_tally")) == 2


async def test_clients_and_regions_come_by_pages(pool: Pool) -> None:
    """Each page goes on where the one before ended; a foreign cursor is refused."""
    for by in (RollUpBy.CLIENT, RollUpBy.REGION):
        whole = [row.key for row in (await rolled(pool, by)).rows]
        seen: list[str | None] = []
        after: str | None = None
        while True:
            found = await rolled(pool, by, after=after, limit=1)
            seen += [row.key for row in found.rows]
            after = found.next_key
            if after is None:
                break
        assert seen == whole
    with pytest.raises(Invalid):
        await rolled(pool, RollUpBy.REGION, after="nowhere")


async def test_old_days_are_forgotten_but_for_the_last_of_a_month(
    pool: Pool, database: Database
) -> None:
    """Sums, days and how clients were; nothing of a day that is kept is lost."""
    start = datetime(2025, 1, 30, 1, tzinfo=UTC)
    for n in range(4):
        async with connected(database.jobs) as conn:
            assert await supervision_days.take(conn, start + timedelta(days=n), UTC_ZONE)
        tier = f"update registry.group_client set standing = '{['lost', 'customer'][n % 2]}'"
        execute(database, tier)
    async with connected(database.jobs) as conn:
        forgotten = await supervision_days.forget(conn, start + timedelta(days=40), 10)
    kept = [
        row["day"] for row in read(database, "select day from telemetry.supervision_day order by 1")
    ]
    sums = read(database, "select distinct day from telemetry.supervision_daily order by 1")

    assert (forgotten, kept) == (2, [date(2025, 1, 31), date(2025, 2, 1)])
    assert [row["day"] for row in sums] == kept
    assert len(read(database, "select from telemetry.supervised_client")) == 4
    assert (await rows(pool, RollUpBy.REGION, day=kept[0]))[str(JIANGSU)].counts.customers == 1
    async with connected(database.jobs) as conn:
        assert await supervision_days.forget(conn, start + timedelta(days=4000), 10) == 2
