"""Demo fleets are plausible, repeatable, and always tell their stories."""

from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import reference
from deploy.reference import numbering
from deploy.reference.fleet import Fleet, FleetTerminal, Story
from registry.identifiers import Iccid, Imei, Imsi, Msisdn, TerminalCode
from registry.model import FileState, Region, RegionLevel, Sector, Standing

KNOWN = reference.load()
PROFILES = reference.profiles()
REGIONS = {region.code: region for region in KNOWN.regions}


def fleet(terminals: int, **choices: int) -> Fleet:
    return Fleet(KNOWN, PROFILES, terminals=terminals, **choices)


def province(code: int) -> Region:
    return next(
        r
        for r in KNOWN.regions
        if r.level is RegionLevel.PROVINCE and r.code <= code <= r.last_code
    )


def told(terminals: list[FleetTerminal], story: Story) -> list[FleetTerminal]:
    return [terminal for terminal in terminals if terminal.story is story]


@pytest.mark.parametrize("size", [5, 200, 6000])
def test_fleet_of_any_size_tells_every_story(size: int) -> None:
    """One of each single story, a city that is silent as a whole, and one client's file due."""
    planned = fleet(size)
    terminals = list(planned.terminals())
    assert len(terminals) == size
    singles = (Story.SEPARATED, Story.RIVAL, Story.WRONG_UNITS, Story.TRANSFERRED)
    assert [len(told(terminals, story)) for story in singles] == [1, 1, 1, 1]
    silent = [t for t in terminals if t.region_code == planned.silent_city.code]
    assert silent == told(terminals, Story.SILENT_CITY)
    assert silent != []
    due = [client for client in planned.clients if client.story is Story.FILE_DUE]
    assert [client.file_state for client in due] == [FileState.DUE]
    assert all(t.state.raises_alarms for t in terminals if t.story is not None)


def test_default_fleet_has_all_sectors_in_a_few_provinces() -> None:
    """Two hundred terminals: each profile, three sectors, four provinces, a silent dozen."""
    terminals = list(fleet(200).terminals())
    sectors = {profile.code: profile.sector for profile in PROFILES}
    assert {t.profile_code for t in terminals} == set(sectors)
    assert min(Counter(sectors[t.profile_code] for t in terminals).values()) > 20
    assert len({province(t.region_code).code for t in terminals}) == 4
    assert len(told(terminals, Story.SILENT_CITY)) > 10


def test_meter_with_wrong_units_is_one_that_measures_volts() -> None:
    """The terminal whose units are wrong has units that can be."""
    (meter,) = told(list(fleet(200).terminals()), Story.WRONG_UNITS)
    profile = next(p for p in PROFILES if p.code == meter.profile_code)
    assert profile.sector is Sector.POWER
    assert "V" in {metric.unit for metric in profile.metrics}


def test_transferred_terminal_had_another_client() -> None:
    """It passed between two customers; no other terminal names a client of yesterday."""
    planned = fleet(200)
    terminals = list(planned.terminals())
    (passed,) = [t for t in terminals if t.previous_client_code is not None]
    assert passed.story is Story.TRANSFERRED
    assert passed.previous_client_code != passed.client_code
    customers = {c.code for c in planned.clients if c.standing is Standing.CUSTOMER}
    assert {passed.client_code, passed.previous_client_code} <= customers


def test_one_province_has_none() -> None:
    """Every province but one has clients and terminals once the fleet is large."""
    planned = fleet(6000, clients=2000)
    places = {province(t.region_code).code for t in planned.terminals()}
    supervised = {province(c.region_code).code for c in planned.clients if c.region_code}
    everywhere = {r.code for r in KNOWN.regions if r.level is RegionLevel.PROVINCE}
    assert places == supervised == everywhere - {planned.empty_province.code}


def test_numbers_are_valid_unique_and_at_home() -> None:
    """What the registry would refuse, and what would clash, is never planned."""
    terminals = list(fleet(6000).terminals())
    for terminal in terminals:
        assert Imei.parse(str(terminal.imei)) == terminal.imei
        assert Iccid.parse(str(terminal.iccid)).warnings == ()
        assert TerminalCode.parse(str(terminal.code)) == terminal.code
        network = KNOWN.network_of(Imsi.parse(str(terminal.imsi)))
        numbers = KNOWN.range_of(Msisdn.parse(str(terminal.msisdn)))
        assert network is not None
        assert numbers is not None
        assert (network.home, numbers.operator, numbers.use) == (True, network.operator, "m2m")
        assert str(terminal.iccid).startswith(network.iccid_prefix)
    for kind in ("code", "imei", "iccid", "imsi", "msisdn"):
        assert len({getattr(terminal, kind) for terminal in terminals}) == 6000


def test_terminals_of_a_client_lie_below_its_region_within_its_quota() -> None:
    """Placement and numbers respect the supervision tree and the tier, stories apart."""
    planned = fleet(20_000)
    clients = {client.code: client for client in planned.clients}
    for terminal in planned.terminals():
        region = REGIONS[clients[terminal.client_code].region_code]
        if terminal.story is None:
            assert region.code <= terminal.region_code <= region.last_code
    quotas = {tier.code: tier.terminal_quota for tier in KNOWN.tiers}
    for code, count in Counter(t.client_code for t in planned.terminals()).items():
        quota = quotas[clients[code].tier_code]
        assert clients[code].standing is Standing.CUSTOMER
        assert quota is None or count <= quota


def test_clients_come_after_their_parents() -> None:
    """A file of clients can be registered from the top; nobody is their own ancestor."""
    seen: set[str] = set()
    children = 0
    for client in fleet(200, clients=500).clients:
        assert client.parent_code is None or client.parent_code in seen
        children += client.parent_code is not None
        seen.add(client.code)
    assert len(seen) == 500
    assert children > 100


def test_fleet_is_the_same_each_time_and_another_with_another_seed() -> None:
    """The same seed plans the same fleet, as often as it is asked."""
    planned, again, other = fleet(300), fleet(300), fleet(300, seed=2)
    first = list(planned.terminals())
    assert (list(planned.terminals()), list(again.terminals())) == (first, first)
    assert again.clients == planned.clients
    assert list(other.terminals()) != first


def test_three_million_terminals_are_planned_one_at_a_time() -> None:
    """The first terminals of the largest fleet come before the last are thought of."""
    planned = fleet(3_000_000)
    assert len(planned.clients) == 20_000
    assert len(list(islice(planned.terminals(), 10))) == 10


@given(digits=st.integers(1, 4), seed=st.integers(0, 10_000))
def test_scattered_numbers_never_meet(digits: int, seed: int) -> None:
    """Every index below ten to the digits has a number of its own."""
    count = 10**digits
    assert len({numbering.scattered(index, digits, seed) for index in range(count)}) == count


@given(indices=st.sets(st.integers(0, 10**9 - 1), min_size=2, max_size=50))
def test_modems_of_two_terminals_are_never_one(indices: set[int]) -> None:
    """Below a thousand million terminals no IMEI comes twice, and each is valid."""
    modems = {str(numbering.imei(index, model=7, seed=1)) for index in indices}
    assert len(modems) == len(indices)
    assert all(str(Imei.parse(modem)) == modem for modem in modems)
