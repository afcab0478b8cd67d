"""Terminals: registered, found, listed and moved, each by who may and sees them."""

from collections.abc import Callable

import pytest

from foundation.database import Pool, transaction
from registry import credentials, gateways, profiles, terminal_lists, terminals, wire_names
from registry.errors import (
    GatewayIsItself,
    GroupClientNotFound,
    ImeiTaken,
    ProfileNotFound,
    RegionNotFound,
    TerminalCodeTaken,
    TerminalNotFound,
    WireNameNotFound,
    WireNameTaken,
)
from registry.identifiers import Imei, TerminalCode, WireName
from registry.keyset import CursorInvalid
from registry.model import Page, RegionCode, RegionRange, Terminal, TerminalState
from registry.scope import RightMissing, Role, Scope
from tests.country import (
    HANGZHOU,
    JIANGSU,
    NANJING,
    VOLTAGE,
    ZHEJIANG,
    everything,
    register,
)

IMEI = Imei.parse("490154203237518")
JIANGSU_RANGE = RegionRange(320000, 329999)
operator_js = Scope.of_role("user:op", Role.OPERATOR, region=JIANGSU_RANGE)


async def test_a_registered_terminal_is_found_with_all_it_was_given(pool: Pool) -> None:
    """What was said at registration is on the roll, and a credential comes with it, once."""
    async with transaction(pool, operator_js.settings()) as conn:
        registered = await terminals.register(
            conn,
            operator_js,
            code=TerminalCode("m-1"),
            profile="meter",
            region=NANJING,
            group_client="power-js",
            name="南京一号",
            imei=IMEI,
            state=TerminalState.PROVISIONED,
        )
        found = await terminals.find(conn, operator_js, "m-1")

    assert registered.terminal == found
    assert (found.code, found.name, found.state) == ("m-1", "南京一号", TerminalState.PROVISIONED)
    assert (found.profile_code, found.group_client_code) == ("meter", "power-js")
    assert (found.region_code, found.owner_since) == (NANJING, None)
    assert registered.credential.username == "m-1"
    assert len(registered.credential.password) == 32
    assert registered.credential.password not in repr(registered)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code": TerminalCode("m-1")}, TerminalCodeTaken),
        ({"imei": IMEI}, ImeiTaken),
        ({"profile": "kettle"}, ProfileNotFound),
        ({"group_client": "nobody"}, GroupClientNotFound),
        ({"region": RegionCode(999)}, RegionNotFound),
    ],
)
async def test_a_registration_that_cannot_be_says_why(
    pool: Pool, change: dict[str, object], error: type[Exception]
) -> None:
    """A code or IMEI in use and a reference to nothing are each an error of their own."""
    first = {"code": TerminalCode("m-1"), "profile": "meter", "region": JIANGSU, "imei": IMEI}
    second = first | {"code": TerminalCode("m-2"), "imei": None} | change
    async with transaction(pool, everything.settings()) as conn:
        await terminals.register(conn, everything, **first)  # type: ignore[arg-type]

    with pytest.raises(error):
        async with transaction(pool, everything.settings()) as conn:
            await terminals.register(conn, everything, **second)  # type: ignore[arg-type]


async def test_a_right_is_needed_before_anything_is_asked(pool: Pool) -> None:
    """Who may only look can neither register, move, retire nor issue a credential."""
    viewer = Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({1}))
    await register(pool, "m-1")

    async with transaction(pool, viewer.settings()) as conn:
        for attempt in (
            terminals.register(
                conn, viewer, code=TerminalCode("m-2"), profile="meter", region=JIANGSU
            ),
            terminals.move_to(conn, viewer, "m-1", TerminalState.MAINTENANCE),
            terminals.retire(conn, viewer, "m-1"),
            credentials.issue(conn, viewer, "m-1"),
            profiles.add_metric(conn, viewer, "meter", VOLTAGE),
        ):
            with pytest.raises(RightMissing):
                await attempt


async def test_retiring_frees_what_others_may_need(pool: Pool) -> None:
    """The modem and the wire names of a retired terminal can go to another one."""
    name = WireName.of("jt808_phone", "13912345678")

    async def take(code: str) -> None:
        async with transaction(pool, everything.settings()) as conn:
            await terminals.register(
                conn,
                everything,
                code=TerminalCode(code),
                profile="meter",
                region=JIANGSU,
                imei=IMEI,
            )
            await wire_names.give(conn, everything, code, name)

    await take("m-1")
    async with transaction(pool, everything.settings()) as conn:
        retired = await terminals.retire(conn, everything, "m-1")
    await take("m-2")

    assert retired.state is TerminalState.RETIRED
    async with transaction(pool, everything.settings()) as conn:
        assert (await wire_names.find(conn, everything, name)).code == "m-2"


async def test_wire_names_are_unique_behind_one_gateway(pool: Pool) -> None:
    """The same address may be used behind two gateways, not twice behind one."""
    name = WireName.of("meter_address", "1")
    await register(pool, "m-1", "m-2", "g-1", "g-2")

    async with transaction(pool, everything.settings()) as conn:
        await gateways.put_behind(conn, everything, "m-1", "g-1")
        await gateways.put_behind(conn, everything, "m-2", "g-2")
        await wire_names.give(conn, everything, "m-1", name)
        await wire_names.give(conn, everything, "m-2", name)
        first = await wire_names.find(conn, everything, name, gateway="g-1")
        second = await wire_names.find(conn, everything, name, gateway="g-2")
        with pytest.raises(WireNameNotFound):
            await wire_names.find(conn, everything, name)

    assert (first.code, second.code) == ("m-1", "m-2")
    with pytest.raises(WireNameTaken):
        async with transaction(pool, everything.settings()) as conn:
            await gateways.put_behind(conn, everything, "m-2", "g-1")
    with pytest.raises(GatewayIsItself):
        async with transaction(pool, everything.settings()) as conn:
            await gateways.put_behind(conn, everything, "g-1", "g-1")


async def test_credentials_are_issued_and_revoked_in_scope_only(pool: Pool) -> None:
    """An operator of one province can cut off and let in again its own terminals, no others."""
    await register(pool, "m-1")
    await register(pool, "m-2", region=ZHEJIANG, group_client="power-zj")

    async with transaction(pool, operator_js.settings()) as conn:
        await credentials.cut_off(conn, operator_js, "m-1")
        issued = await credentials.issue(conn, operator_js, "m-1")
        with pytest.raises(TerminalNotFound):
            await credentials.cut_off(conn, operator_js, "m-2")
        with pytest.raises(TerminalNotFound):
            await credentials.issue(conn, operator_js, "m-2")

    assert issued.username == "m-1"


async def everything_listed(pool: Pool, scope: Scope, **filters: object) -> list[list[str]]:
    """The codes of every page, walked to the end with pages of two."""
    pages: list[list[str]] = []
    after: str | None = None
    while True:
        async with transaction(pool, scope.settings()) as conn:
            page: Page[Terminal] = await terminal_lists.list_page(
                conn,
                scope,
                after=after,
                limit=2,
                **filters,  # type: ignore[arg-type]
            )
        pages.append([terminal.code for terminal in page.items])
        after = page.next_key
        if after is None:
            return pages


async def populate(pool: Pool) -> tuple[int, int]:
    """Terminals of both clients in both provinces; returns the clients' ids."""
    [one, *_] = await register(pool, "a-1", "a-2", "b-1", region=NANJING)
    await register(pool, "c-1", region=HANGZHOU)  # of the Jiangsu client, in Zhejiang
    [two, *_] = await register(pool, "d-1", "d-2", region=HANGZHOU, group_client="power-zj")
    await register(pool, "e-1", region=JIANGSU, group_client="power-zj")
    await register(pool, "f-1", region=HANGZHOU, group_client=None)
    assert one.group_client_id is not None
    assert two.group_client_id is not None
    return one.group_client_id, two.group_client_id


async def test_pages_show_all_that_is_in_scope_once(pool: Pool) -> None:
    """Pages of two come to the end with every visible terminal once, whatever the scope."""
    one, two = await populate(pool)
    supervisor = Scope.of_role("user:s", Role.SUPERVISOR, region=JIANGSU_RANGE)
    viewer = Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({two}))
    nobody = Scope("user:n", supervisor.rights)

    assert await everything_listed(pool, everything) == [
        ["a-1", "a-2"],
        ["b-1", "c-1"],
        ["d-1", "d-2"],
        ["e-1", "f-1"],
    ]
    # In Jiangsu, by region; then c-1, of a client that Jiangsu supervises.
    assert await everything_listed(pool, supervisor) == [["e-1", "a-1"], ["a-2", "b-1"], ["c-1"]]
    assert await everything_listed(pool, viewer) == [["e-1", "d-1"], ["d-2"]]
    assert await everything_listed(pool, nobody) == [[]]
    assert one != two


Filters = Callable[[int], dict[str, object]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (lambda _: {"prefix": "a-"}, [["a-1", "a-2"]]),
        (lambda _: {"region": RegionRange(330000, 339999)}, [["c-1", "d-1"], ["d-2", "f-1"]]),
        (lambda two: {"group_client": two}, [["e-1", "d-1"], ["d-2"]]),
        (lambda two: {"group_client": two, "region": JIANGSU_RANGE}, [["e-1"]]),
        (lambda _: {"state": TerminalState.RETIRED}, [[]]),
        (lambda _: {"profile": "kettle"}, [[]]),
        (lambda _: {"prefix": "b", "profile": "meter"}, [["b-1"]]),
    ],
)
async def test_filters_narrow_a_list(
    pool: Pool, filters: Filters, expected: list[list[str]]
) -> None:
    """Each filter, and two together, leave what they say."""
    _, two = await populate(pool)

    assert await everything_listed(pool, everything, **filters(two)) == expected


@pytest.mark.parametrize("cursor", ["x", "r1.2", "c", "cabc.x", "", "o1.2"])
async def test_a_cursor_of_something_else_is_refused(pool: Pool, cursor: str) -> None:
    """Only a key that this list gave opens its next page."""
    async with transaction(pool, everything.settings()) as conn:
        with pytest.raises(CursorInvalid):
            await terminal_lists.list_page(conn, everything, after=cursor)
