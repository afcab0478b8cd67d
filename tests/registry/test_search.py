"""One search for whatever people have in hand, within what they see."""

import psycopg
import pytest

from foundation.database import Pool, transaction
from foundation.errors import NotPermitted
from registry import enrolment, group_clients, profiles, search, wire_names
from registry.enrolment import Draft, InstalledSim
from registry.identifiers import Iccid, Imei, Imsi, Msisdn, TerminalCode, WireName
from registry.model import RegionRange
from registry.scope import Right, Role, Scope
from registry.terminal_lists import TooFewLetters
from tests.conftest import Database
from tests.country import HANGZHOU, NANJING, everything

IMEIS = ("490154203237518", "356938035643809")
CARDS = ("89860012345678901234", "89860012345678905555")


@pytest.fixture
async def filled(pool: Pool, database: Database) -> Pool:
    """A meter in Nanjing and one in Hangzhou, of two owners, alike in all but their last digits."""
    async with transaction(pool, everything.settings()) as conn:
        meter = await profiles.find(conn, everything, "meter")
        for n, (owner, city) in enumerate((("power-js", NANJING), ("power-zj", HANGZHOU))):
            draft = Draft(
                code=TerminalCode(f"PM-000{n}"),
                profile_id=meter.id,
                region_code=city,
                group_client_id=(await group_clients.find(conn, everything, owner)).id,
                name=("南京华远2号电表|2", "杭州华远3号电表")[n],
                imei=Imei(IMEIS[n]),
                sim=InstalledSim(
                    Iccid(CARDS[n]), Imsi(f"46000123456789{n}"), Msisdn(f"144000000000{n}")
                ),
            )
            await enrolment.enrol(conn, everything, [draft])
            await wire_names.give(
                conn, everything, f"PM-000{n}", WireName.of("jt808_phone", f"1380013800{n}")
            )
    with psycopg.connect(database.superuser) as owner_:
        owner_.execute("update registry.group_client set name = '江苏电力' where code = 'power-js'")
        owner_.execute("update registry.group_client set name = '浙江电力' where code = 'power-zj'")
    return pool


async def found(pool: Pool, scope: Scope, text: str) -> list[tuple[str, str, str]]:
    """What a search finds: kind, code, and by what."""
    async with transaction(pool, scope.settings()) as conn:
        return [(f.kind, f.code, f.matched) for f in await search.look_up(conn, scope, text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PM-0001", [("terminal", "PM-0001", "code")]),
        ("PM-", [("terminal", "PM-0000", "code"), ("terminal", "PM-0001", "code")]),
        ("4901", [("terminal", "PM-0000", "imei")]),
        (CARDS[1], [("terminal", "PM-0001", "iccid"), ("sim", CARDS[1], "iccid")]),
        ("460001234567890", [("terminal", "PM-0000", "imsi"), ("sim", CARDS[0], "imsi")]),
        (
            "8986 0012-3456 7890 5555",
            [("terminal", "PM-0001", "iccid"), ("sim", CARDS[1], "iccid")],
        ),
        ("1440000000001", [("terminal", "PM-0001", "msisdn"), ("sim", CARDS[1], "msisdn")]),
        ("13800138001", [("terminal", "PM-0001", "wire_name")]),
        ("华远", [("terminal", "PM-0000", "name"), ("terminal", "PM-0001", "name")]),
        ("3号", [("terminal", "PM-0001", "name")]),
        ("江苏", [("group_client", "power-js", "name")]),
        ("power-z", [("group_client", "power-zj", "code")]),
        ("华远2号", [("terminal", "PM-0000", "name")]),
        ("|2", [("terminal", "PM-0000", "name")]),
        ("远华", []),  # both characters, the other way round
        ("%", None),
        ("__", []),
    ],
)
async def test_whatever_is_in_hand_is_found(
    filled: Pool, text: str, expected: list[tuple[str, str, str]] | None
) -> None:
    """By the beginning of each number and any two characters of a name; wildcards are none."""
    if expected is None:
        with pytest.raises(TooFewLetters):
            await found(filled, everything, text)
    else:
        assert await found(filled, everything, text) == expected


@pytest.mark.parametrize(
    "text", ["PM-", "49", "35", "8986", "46000", "1440", "1380", "华远", "电力", "power"]
)
async def test_nothing_out_of_scope_is_found(filled: Pool, text: str) -> None:
    """A client and a region find their own alone, though every word fits the others' too."""
    async with transaction(filled, everything.settings()) as conn:
        client = (await group_clients.find(conn, everything, "power-js")).id
    viewer = Scope.of_role("user:v", Role.CLIENT_VIEWER, group_clients=frozenset({client}))
    supervisor = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(320000, 329999))

    for scope in (viewer, supervisor):
        codes = {code for _, code, _ in await found(filled, scope, text)}
        assert codes <= {"PM-0000", CARDS[0], "power-js"}
    assert await found(filled, Scope("user:n", supervisor.rights), text) == []


async def test_who_sees_little_finds_it_behind_what_others_have(filled: Pool) -> None:
    """The bound of what is found counts within the scope: others' do not crowd one's own out."""
    supervisor = Scope.of_role("user:s", Role.SUPERVISOR, region=RegionRange(330000, 339999))
    async with transaction(filled, supervisor.settings()) as conn:
        only = await search.look_up(conn, supervisor, "PM-", most=1)

    assert [one.code for one in only] == ["PM-0001"]


async def test_sims_are_found_by_who_may_see_them(filled: Pool) -> None:
    """Without the right to SIMs their numbers lead nowhere; without any, nothing does."""
    blind = Scope("user:b", frozenset({Right.TERMINALS_READ}), everything=True)
    assert await found(filled, blind, CARDS[0]) == []
    assert await found(filled, blind, "4901") == [("terminal", "PM-0000", "imei")]
    async with transaction(filled, everything.settings()) as conn:
        with pytest.raises(NotPermitted):
            await search.look_up(conn, Scope("user:n", frozenset()), "PM-")
