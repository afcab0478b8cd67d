"""The registry benchmark measures a fleet that is whole, at every size."""

from collections.abc import Iterator

import pytest

from deploy.bench import registry
from deploy.bench.fleet import Growing
from deploy.bench.registry import Plan
from deploy.bench.stand import Stand, built
from registry.identifiers import Imei


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """Servers with ten terminals."""
    with built(10, 1) as ready:
        yield ready


def test_a_fleet_grows_by_parts(stand: Stand) -> None:
    """Each part joins with clients, numbers, names and SIMs, and the sums know all of them."""
    fleet = Growing(stand.dsn(), 500)
    first = fleet.grow(200, lambda _: None)
    second = fleet.grow(300, lambda _: None)

    assert (first, second) == (210, 510)
    assert stand.query(
        "select count(*), count(distinct h.imei), count(distinct s.iccid), count(t.name)"
        " from registry.terminal t join registry.hardware h on h.terminal_id = t.id"
        " join registry.installation i on i.terminal_id = t.id join registry.sim s"
        " on s.id = i.sim_id join registry.ownership o on o.terminal_id = t.id"
    ) == [(500, 500, 500, 500)]
    assert stand.query("select sum(terminals) from telemetry.tally where group_client_id = -1") == [
        (510,)
    ]
    assert stand.query(
        "select count(*) from registry.group_client_lineage l join registry.group_client c"
        " on c.id = l.group_client_id and c.parent_id = l.ancestor_id"
    ) == stand.query("select count(*) from registry.group_client where parent_id is not null")
    for (imei,) in stand.query("select imei from registry.hardware limit 20"):
        assert str(Imei.parse(imei)) == imei


def test_the_directory_is_read_as_the_bridge_reads_it(stand: Stand) -> None:
    """In a process of its own, whole, with every drawn code found."""
    stand.cluster.set_password("muster_bridge")
    [(terminals,)] = stand.query("select count(*) from registry.terminal")
    read = registry.look_up(stand)

    assert read["terminals"] == terminals
    assert read["resident_mb"] > 0


@pytest.mark.timeout(900)
def test_a_run_measures_each_size() -> None:
    """Directory, ingest with closed books, and pages, before and after the fleet has grown."""
    result = registry.run(Plan(sizes=(1500,), rounds=1, messages=2000, pages=2), lambda _: None)

    assert [size["terminals"] for size in result["sizes"]] == [1000, 1500]
    assert [figure["goal"] for figure in result["figures"]] == ["P5", "P5", "P5", "P8"]
    large = result["sizes"][1]["pages"]
    assert {"page all: ", "page province: tag", "search client: name", "overview all"} <= set(large)
