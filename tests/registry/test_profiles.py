"""Device profiles: a definition is a table, and a live one grows."""

import pytest

from foundation.database import Pool, transaction
from foundation.errors import NotPermitted
from registry import group_clients, profiles, regions
from registry.errors import (
    GroupClientCodeTaken,
    IndustryNotFound,
    MetricNotFound,
    MetricTaken,
    ProfileCodeTaken,
    ProfileNameReserved,
    RegionNotFound,
    TierNotFound,
)
from registry.model import DeviceProfile, Metric, MetricType, RegionCode, RegionRange
from registry.scope import Right, RightMissing, Role, Scope
from tests.country import ENERGY, JIANGSU, METER, NANJING, VOLTAGE, everything

CURRENT = Metric("current_a", MetricType.DOUBLE, "A", None, None, None, "A 相电流", "Current A")


def renamed(code: str) -> DeviceProfile:
    return DeviceProfile(
        id=METER.id,
        code=code,
        sector=METER.sector,
        title_zh="x",
        title_en="x",
        codec="json",
        expected_interval_seconds=60,
        metrics=METER.metrics,
    )


async def test_a_defined_profile_is_found_whole(pool: Pool) -> None:
    """Every field and metric comes back, with an id, in the order it was given."""
    async with transaction(pool, everything.settings()) as conn:
        found = await profiles.find(conn, everything, "meter")
        listed = await profiles.list_all(conn, everything)

    assert found.id > 0
    assert found.metrics == (VOLTAGE, ENERGY)
    assert (found.chunk_days, found.clock_ahead_seconds, found.version) == (7, 600, 1)
    assert listed == (found,)


async def test_a_live_profile_grows(pool: Pool) -> None:
    """A metric more is a column more, at the end, and a version more."""
    async with transaction(pool, everything.settings()) as conn:
        grown = await profiles.add_metric(conn, everything, "meter", CURRENT)
        cursor = await conn.execute("select * from visible.meter")
        columns = [column.name for column in cursor.description or ()]

    assert grown.metrics == (VOLTAGE, ENERGY, CURRENT)
    assert grown.version == 2
    assert columns == [
        *("time", "terminal_id", "terminal", "delay_seconds"),
        *("voltage_a", "energy_kwh", "current_a"),
    ]


async def test_a_hidden_metric_is_shown_no_more(pool: Pool) -> None:
    """It leaves the view, stays on the roll as hidden, and its name stays taken."""
    async with transaction(pool, everything.settings()) as conn:
        changed = await profiles.hide_metric(conn, everything, "meter", "voltage_a")
        cursor = await conn.execute("select * from visible.meter")
        columns = [column.name for column in cursor.description or ()]
        with pytest.raises(MetricNotFound):
            await profiles.hide_metric(conn, everything, "meter", "voltage_b")

    assert [(m.name, m.hidden) for m in changed.metrics] == [
        ("voltage_a", True),
        ("energy_kwh", False),
    ]
    assert "voltage_a" not in columns
    with pytest.raises(MetricTaken):
        async with transaction(pool, everything.settings()) as conn:
            await profiles.add_metric(conn, everything, "meter", VOLTAGE)


@pytest.mark.parametrize(
    ("code", "error"), [("meter", ProfileCodeTaken), ("event", ProfileNameReserved)]
)
async def test_a_table_belongs_to_one_profile(
    pool: Pool, code: str, error: type[Exception]
) -> None:
    """Neither another profile's table nor one of Muster's own can be had, whatever was parsed."""
    with pytest.raises(error):
        async with transaction(pool, everything.settings()) as conn:
            await profiles.define(conn, everything, renamed(code))


async def test_profiles_are_the_headquarters_to_define(pool: Pool) -> None:
    """An operator lacks the right, and with the right the policy still refuses the scope."""
    operator = Scope.of_role("user:o", Role.OPERATOR, region=RegionRange(0, 999_999))
    forged = Scope("user:f", frozenset(Right), region=RegionRange(0, 999_999))

    async with transaction(pool, operator.settings()) as conn:
        with pytest.raises(RightMissing):
            await profiles.define(conn, operator, renamed("kettle"))
    with pytest.raises(NotPermitted):
        async with transaction(pool, forged.settings()) as conn:
            await profiles.define(conn, forged, renamed("kettle"))


async def test_clients_stand_in_a_tree(pool: Pool) -> None:
    """Who sees a client sees those below it, and nobody beside it."""
    async with transaction(pool, everything.settings()) as conn:
        below = await group_clients.register(
            conn,
            everything,
            code="power-js-nj",
            name="南京分公司",
            region=NANJING,
            industry="power",
            tier="gold",
            parent="power-js",
        )
        parent = await group_clients.find(conn, everything, "power-js")
    scope = Scope.of_role("user:c", Role.CLIENT_VIEWER, group_clients=frozenset({parent.id}))
    async with transaction(pool, scope.settings()) as conn:
        seen = await group_clients.list_page(conn, scope)
    narrower = Scope.of_role("user:d", Role.CLIENT_VIEWER, group_clients=frozenset({below.id}))
    async with transaction(pool, narrower.settings()) as conn:
        narrow = await group_clients.list_page(conn, narrower)

    assert (below.parent_id, below.level.value) == (parent.id, "city")
    assert [c.code for c in seen.items] == ["power-js", "power-js-nj"]
    assert [c.code for c in narrow.items] == ["power-js-nj"]


async def test_clients_are_listed_by_page_and_filter(pool: Pool) -> None:
    """Pages follow each other by code; region, prefix, industry and tier narrow them."""
    async with transaction(pool, everything.settings()) as conn:
        first = await group_clients.list_page(conn, everything, limit=1)
        second = await group_clients.list_page(conn, everything, limit=1, after=first.next_key)
        jiangsu = await group_clients.list_page(
            conn, everything, region=RegionRange(320000, 329999)
        )
        none = await group_clients.list_page(conn, everything, prefix="power-z", tier="silver")

    assert [[c.code for c in page.items] for page in (first, second, jiangsu, none)] == [
        ["power-js"],
        ["power-zj"],
        ["power-js"],
        [],
    ]
    assert (first.next_key, second.next_key) == ("power-js", None)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code": "power-js"}, GroupClientCodeTaken),
        ({"region": RegionCode(1)}, RegionNotFound),
        ({"industry": "magic"}, IndustryNotFound),
        ({"tier": "platinum"}, TierNotFound),
    ],
)
async def test_a_client_that_cannot_be_says_why(
    pool: Pool, change: dict[str, object], error: type[Exception]
) -> None:
    """What a file refers to must be there."""
    given: dict[str, object] = {"code": "c", "name": "c", "region": JIANGSU, "industry": "power"}

    with pytest.raises(error):
        async with transaction(pool, everything.settings()) as conn:
            await group_clients.register(
                conn,
                everything,
                **{"tier": "gold"} | given | change,  # type: ignore[arg-type]
            )


async def test_the_tree_of_regions_is_for_everybody(pool: Pool) -> None:
    """Regions are reference data: whoever may read them reads all, parents first."""
    nobody = Scope("user:n", frozenset({Right.REGIONS_READ}))

    async with transaction(pool, nobody.settings()) as conn:
        tree = await regions.list_all(conn, nobody)
        nanjing = await regions.find(conn, nobody, NANJING)
        with pytest.raises(RegionNotFound):
            await regions.find(conn, nobody, 1)

    assert [region.code for region in tree] == [0, 320000, 320100, 330000, 330100]
    assert nanjing.range == RegionRange(320100, 320199)
