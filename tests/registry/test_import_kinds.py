"""Each kind of file: SIMs, bindings, and that everything that goes out comes in again unchanged."""

import csv
import io

import psycopg
import pytest

from deploy import reference
from foundation.database import Pool, open_pool, transaction
from foundation.formulas import escaped
from registry import bindings, client_files, networks, sims, users
from registry.bindings import Mode, Rule
from registry.file_model import Contact
from registry.identifiers import Iccid
from registry.imports import exports, files
from registry.imports.kinds import KINDS
from registry.imports.model import ImportState
from registry.model import SimState
from registry.scope import Role, Scope
from tests.conftest import Database
from tests.country import everything
from tests.registry.imports_ground import (
    applied,
    counted,
    found,
    iccid,
    imei,
    rows_of,
    sent,
    terminals_file,
    verdicts,
    worked,
)


def sims_file(*numbers: int) -> bytes:
    """SIMs in stock, one with periods ahead."""
    rows = [
        f"{iccid(n)},46000{n:010d},14400{n:08d},320100,测试,cmiot,iot-30m,2099-03-31,2099-06-30,SO-1"
        for n in numbers
    ]
    header = "卡号,IMSI,号码,地区,状态,接入点,套餐,测试期至,沉默期至,工单号"
    return "\n".join([header, *rows]).encode()


async def written(pool: Pool, kind: str, scope: Scope = everything) -> bytes:
    """Everything of a kind as a CSV file."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow([column.name for column in KINDS[kind].columns])
    after: int | None = 0
    while after is not None:
        async with transaction(pool, scope.settings()) as conn:
            batch, after = await exports.read_batch(conn, scope, KINDS[kind], after=after, rows=2)
        lines.writerows([[escaped(cell) for cell in row] for row in batch])
    return text.getvalue().encode()


async def undo(pool: Pool, database: Database, number: int) -> tuple[int, int]:
    async with transaction(pool, everything.settings()) as conn:
        await files.undo(conn, everything, number)
    await worked(database)
    done = await found(pool, number)
    return done.undone, done.kept


def test_the_view_of_each_kind_has_its_columns(database: Database) -> None:
    """A column stands in one place: in the declaration, in the view, and in what is exported."""
    with psycopg.connect(database.superuser) as conn:
        for name, kind in KINDS.items():
            view = f"registry.imported_{name.removesuffix('s')}"
            cursor = conn.execute(f"select * from {view} limit 0".encode())
            assert cursor.description is not None
            seen = [column.name for column in cursor.description]
            assert seen == ["import_id", "row", *(column.name for column in kind.columns)]


async def test_sims_come_by_the_file(pool: Pool, database: Database) -> None:
    """With their numbers, state and periods; again they are unchanged; undone they are gone."""
    first = await applied(pool, database, sims_file(1, 2, 3), kind="sims")
    second = await applied(pool, database, sims_file(1, 2, 3), kind="sims")
    async with transaction(pool, everything.settings()) as conn:
        sim = await sims.find(conn, everything, Iccid(iccid(1)))
        await sims.move(conn, everything, Iccid(iccid(2)), SimState.ACTIVE)

    assert await verdicts(pool, first.id) == {}
    assert (first.created, second.created, second.unchanged) == (3, 0, 3)
    assert (sim.state, sim.plan, sim.apn) == (SimState.TESTING, "iot-30m", "cmiot")
    assert sim.test_until is not None
    assert sim.test_until.isoformat() == "2099-04-01T00:00:00+00:00"
    assert await undo(pool, database, first.id) == (2, 1)
    assert counted(database, "sim") == 1


async def test_first_rules_come_by_the_file_and_replace_none(
    pool: Pool, database: Database
) -> None:
    """A SIM without a rule is bound; one with another rule is not, whoever asks."""
    await applied(pool, database, sims_file(1, 2, 3, 4), kind="sims")
    async with transaction(pool, everything.settings()) as conn:
        await bindings.put(conn, everything, Iccid(iccid(2)), Rule(Mode.FIRST_SEEN))
        await bindings.put(conn, everything, Iccid(iccid(3)), Rule(Mode.OFF))
    content = (
        "iccid,mode,imeis,action\n"
        f"{iccid(1)},精确,{imei(1)},隔离\n"
        f"{iccid(2)},exact,{imei(2)},\n"
        f"{iccid(3)},first_seen,,\n"
        f"{iccid(4)},exact,,\n"
        f"{iccid(9)},first_seen,,\n"
    ).encode()

    done = await applied(pool, database, content, kind="bindings")
    again = await applied(pool, database, content, kind="bindings")

    assert await verdicts(pool, done.id) == {
        3: [("mode", "bound_otherwise")],
        5: [("imeis", "rule_incomplete")],
        6: [("iccid", "sim_not_found")],
    }
    assert (done.created, again.created, again.unchanged) == (2, 0, 2)
    async with transaction(pool, everything.settings()) as conn:
        bound = await bindings.find(conn, everything, Iccid(iccid(1)))
    assert bound is not None
    assert (bound.mode, bound.imeis, bound.action) == ("exact", (imei(1),), "isolate")
    assert await undo(pool, database, done.id) == (2, 0)
    holding = rows_of(
        database,
        "select b.mode from registry.binding b join registry.sim s on s.id = b.sim_id"
        " where b.valid_to is null order by s.iccid",
    )
    assert [row["mode"] for row in holding] == ["off", "first_seen", "off"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_exported_is_imported_unchanged(
    pool: Pool, database: Database, kind: str
) -> None:
    """Every column of it, whatever a name begins with."""
    await applied(pool, database, terminals_file(1, 2, 3), kind="terminals")
    dressed = (
        "code,name,profile,region,tags,latitude,longitude,wire_names\n"
        'X-1,\'=HYPERLINK("x"),meter,320100,a b,-33.5,118.25,vin:LSVAA4182E2184841\n'
    )
    await applied(pool, database, dressed.encode())
    clients = (
        "code,name,parent,region,industry,tier,standing,needs,contacts,watched\n"
        "c-1,=1+1,c-2,320100,power,gold,customer,=2+2,'=3|-4; 王芳||13800001111,yes\n"
        "c-2,二号,,330100,power,gold,,,,\n"
    )
    await applied(pool, database, clients.encode("gb18030"), kind="clients")
    async with transaction(pool, everything.settings()) as conn:
        contact = Contact("Wu; Wang", "a|b")
        await client_files.change(conn, everything, "c-2", needs="a\r\nb", contacts=[contact])
        await users.appoint(
            conn, everything, name="ann", password="four words are enough",
            role=Role.ACCOUNT_MANAGER, group_clients=["c-1", "power-js"],
        )  # fmt: skip
    rules = f"iccid,mode,imeis\n{iccid(1)},exact,{imei(1)}\n{iccid(2)},first_seen,\n"
    await applied(pool, database, rules.encode(), kind="bindings")
    content = await written(pool, kind)

    again = await applied(pool, database, content, kind=kind)

    assert await verdicts(pool, again.id) == {}
    assert again.state is ImportState.APPLIED
    assert (again.created, again.unchanged) == (0, again.rows)
    assert again.rows == {
        "terminals": 4, "sims": 3, "bindings": 2, "clients": 4, "assignments": 2,
    }[kind]  # fmt: skip
    if kind == "clients":
        assert "'=1+1" in content.decode()
        named = rows_of(database, "select name from registry.group_client where code = 'c-1'")
        assert named == [{"name": "=1+1"}]
    if kind == "terminals":
        assert "'=HYPERLINK" in content.decode()
        named = rows_of(database, "select name from registry.terminal where code = 'X-1'")
        assert named == [{"name": '=HYPERLINK("x")'}]


@pytest.mark.parametrize("kind", ["sims", "terminals"])
async def test_sims_of_other_networks_come_only_where_they_are_taken(
    pool: Pool, database: Database, kind: str
) -> None:
    """As when they are registered one by one: new ones only, and of networks that are known."""
    country = reference.load()
    async with await open_pool(database.owner, name="owner") as owners, transaction(owners) as conn:
        await networks.put(conn, everything, country.networks, country.number_ranges)
    home = next(network.prefix for network in country.networks if network.home)
    away = next(network.prefix for network in country.networks if not network.home)
    numbers = [f"{prefix}{n:010d}"[:15] for n, prefix in enumerate((home, away, "99999"))]
    rows = [
        f"m-{n},meter,320100,{iccid(n)},{imsi}"
        if kind == "terminals"
        else f"320100,{iccid(n)},{imsi}"
        for n, imsi in enumerate(numbers)
    ]
    header = "code,profile,region,iccid,imsi" if kind == "terminals" else "region,iccid,imsi"
    content = "\n".join([header, *rows]).encode()

    number = await sent(pool, content, kind=kind)
    await worked(database, foreign=False)
    refused = await verdicts(pool, number)
    taken = await applied(pool, database, content, kind=kind)
    again = await sent(pool, content, kind=kind)
    await worked(database, foreign=False)

    assert refused == {
        3: [("imsi", "sim_of_another_network")],
        4: [("imsi", "sim_of_another_network")],
    }
    assert (taken.created, taken.wrong) == (3, 0)
    assert await verdicts(pool, again) == {}
