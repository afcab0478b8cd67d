"""The reference data are complete and fit together, and a fault in them is named."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from deploy import reference
from deploy.reference import Certainty, Reference, ReferenceInvalid
from deploy.reference.tables import HERE
from registry.identifiers import Imsi, Msisdn
from registry.model import MetricType, RegionLevel, Sector

COUNTRY = HERE / "cn"
VECTORS = Path(__file__).parents[1] / "cases" / "identifiers" / "vectors.json"


@pytest.fixture(scope="module")
def known() -> Reference:
    return reference.load()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the country's files, to spoil."""
    return Path(shutil.copytree(COUNTRY, tmp_path / "xx"))


def test_regions_are_headquarters_its_provincial_companies_and_their_cities(
    known: Reference,
) -> None:
    """One root that spans everything, 31 provinces, and every city below one of them."""
    root = known.regions[0]
    assert (root.code, root.last_code, root.parent_code) == (0, 999999, None)
    assert Counter(region.level for region in known.regions) == {
        RegionLevel.HEADQUARTERS: 1,
        RegionLevel.PROVINCE: 31,
        RegionLevel.CITY: 341,
    }
    provinces = {r.code for r in known.regions if r.level is RegionLevel.PROVINCE}
    cities = [r for r in known.regions if r.level is RegionLevel.CITY]
    assert {city.parent_code for city in cities} == provinces
    assert all(code % 10_000 == 0 for code in provinces)
    assert all(city.code // 10_000 * 10_000 == city.parent_code for city in cities)


@pytest.mark.parametrize(
    ("code", "last_code", "name_zh", "name_en"),
    [
        (320000, 329999, "江苏", "Jiangsu"),
        (320500, 320599, "苏州", "Suzhou"),
        (610000, 619999, "陕西", "Shaanxi"),
        (140000, 149999, "山西", "Shanxi"),
        (150000, 159999, "内蒙古", "Inner Mongolia"),
        (540000, 549999, "西藏", "Xizang"),
        (540100, 540199, "拉萨", "Lhasa"),
        (650100, 650199, "乌鲁木齐", "Urumqi"),
        (653100, 653199, "喀什", "Kashgar"),
        (150100, 150199, "呼和浩特", "Hohhot"),
        (230100, 230199, "哈尔滨", "Harbin"),
        (350200, 350299, "厦门", "Xiamen"),
        (500100, 500299, "重庆", "Chongqing"),
        (110100, 110199, "北京", "Beijing"),
        (140400, 140499, "长治", "Changzhi"),
        (211300, 211399, "朝阳", "Chaoyang"),
        (411100, 411199, "漯河", "Luohe"),
        (341500, 341599, "六安", "Lu'an"),
        (513200, 513299, "阿坝", "Aba"),
        (429000, 429099, "湖北直辖县级", "Hubei (directly administered)"),
    ],
)
def test_region_has_its_usual_names(
    known: Reference, code: int, last_code: int, name_zh: str, name_en: str
) -> None:
    """Spellings that a reading of characters alone gets wrong are right."""
    region = next(r for r in known.regions if r.code == code)
    assert (region.last_code, region.name_zh, region.name_en) == (last_code, name_zh, name_en)


def test_every_province_has_a_tile_of_its_own(known: Reference) -> None:
    """The tile grid shows each provincial company once, and nothing else."""
    tiles = {(r.tile_row, r.tile_column) for r in known.regions if r.level is RegionLevel.PROVINCE}
    assert len(tiles) == 31
    assert (None, None) not in tiles
    others = {r.tile_row for r in known.regions if r.level is not RegionLevel.PROVINCE}
    assert others == {None}
    beijing = next(r for r in known.regions if r.name_en == "Beijing")
    assert (beijing.tile_row, beijing.tile_column) == (2, 6)


@pytest.mark.parametrize(
    ("imsi", "operator", "home"),
    [
        ("460001234567890", "china_mobile", True),
        ("460041234567890", "china_mobile", True),
        ("460131234567890", "china_mobile", True),
        ("460012345678901", "china_unicom", False),
        ("460031234567890", "china_telecom", False),
        ("460151234567890", "china_broadnet", False),
    ],
)
def test_network_tells_home_from_rival(
    known: Reference, imsi: str, operator: str, home: bool
) -> None:
    """An IMSI's first digits say whose SIM it is."""
    network = known.network_of(Imsi.parse(imsi))
    assert network is not None
    assert (network.operator, network.home) == (operator, home)


def test_network_that_nobody_listed_is_unknown(known: Reference) -> None:
    """A SIM of abroad is neither home's nor a rival's."""
    assert known.network_of(Imsi.parse("310150123456789")) is None


@pytest.mark.parametrize(
    ("number", "operator", "use", "certainty"),
    [
        ("1064812345678", "china_mobile", "m2m", Certainty.CONFIRMED),
        ("1064712345678", "china_mobile", "m2m", Certainty.PRACTICE),
        ("1440123456789", "china_mobile", "m2m", Certainty.CONFIRMED),
        ("1064912345678", "china_telecom", "m2m", Certainty.CONFIRMED),
        ("13912345678", "china_mobile", "mobile", Certainty.CONFIRMED),
        ("13491234567", "china_telecom", "mobile", Certainty.CONFIRMED),
        ("13481234567", "china_mobile", "mobile", Certainty.CONFIRMED),
    ],
)
def test_range_says_who_issued_a_number(
    known: Reference, number: str, operator: str, use: str, certainty: Certainty
) -> None:
    """The longest prefix wins, and only among numbers of the same length."""
    found = known.range_of(Msisdn.parse(number, country_code=known.country.calling_code))
    assert found is not None
    assert (found.operator, found.use, found.certainty) == (operator, use, certainty)


def test_every_valid_number_of_the_collection_is_in_a_range(known: Reference) -> None:
    """The published vectors and the published ranges agree."""
    numbers = [
        Msisdn.parse(vector["value"], country_code="86")
        for vector in json.loads(VECTORS.read_text("utf-8"))
        if vector["kind"] == "msisdn" and vector["valid"]
    ]
    assert len(numbers) == 7
    assert [number for number in numbers if known.range_of(number) is None] == []


def test_operators_of_ranges_have_networks(known: Reference) -> None:
    """Numbers, networks and card issuers speak of the same operators."""
    operators = {network.operator for network in known.networks}
    assert {known_range.operator for known_range in known.number_ranges} <= operators
    issuers = [network.iccid_prefix for network in known.networks]
    assert len(set(issuers)) == len(issuers)


def test_tiers_rise_from_trial_to_gold(known: Reference) -> None:
    """A better tier is watched more closely, keeps more history and holds more terminals."""
    assert [tier.code for tier in known.tiers] == ["trial", "bronze", "silver", "gold"]
    assert [t.offline_factor for t in known.tiers] == sorted(
        (t.offline_factor for t in known.tiers), reverse=True
    )
    assert [t.history_days for t in known.tiers] == sorted(t.history_days for t in known.tiers)
    assert [t.terminal_quota for t in known.tiers] == [20, 2000, 50000, None]


def test_packages_are_made_of_what_there_is(known: Reference) -> None:
    """Of known tiers and built-in profiles; a country whose file has none has none."""
    built_in = {profile.code for profile in reference.profiles()}
    assert {one.code for one in known.packages} == {
        "power-metering",
        "vehicle-tracking",
        "site-security",
    }
    for package in known.packages:
        assert package.tier in {tier.code for tier in known.tiers}
        assert package.profiles
        assert set(package.profiles) <= built_in


def test_trials_end_in_tiers_for_good(known: Reference) -> None:
    """Each has its days and a tier after it that has none."""
    for_good = {tier.code for tier in known.tiers if tier.trial_days is None}
    tried = [tier for tier in known.tiers if tier.trial_days is not None]
    assert [tier.code for tier in tried] == ["trial"]
    assert {tier.after_trial for tier in tried} <= for_good


def test_five_profiles_are_built_in() -> None:
    """Each sector has its profiles, in both languages, with bounds wherever there is a number."""
    built_in = reference.profiles()
    assert {profile.code: profile.sector for profile in built_in} == {
        "alarm_panel": Sector.SECURITY,
        "site_environment": Sector.SECURITY,
        "smart_meter": Sector.POWER,
        "transformer_station": Sector.POWER,
        "vehicle_tracker": Sector.TRANSPORT,
    }
    numbers = [
        metric
        for profile in built_in
        for metric in profile.metrics
        if metric.type in (MetricType.DOUBLE, MetricType.BIGINT)
    ]
    assert [metric.name for metric in numbers if None in (metric.low, metric.high)] == []


def test_demo_meter_measures_the_promised_voltage() -> None:
    """The contract's demo metric is `voltage_a` of a smart meter, in volts from 180 to 260."""
    meter = next(p for p in reference.profiles() if p.code == "smart_meter")
    voltage = next(metric for metric in meter.metrics if metric.name == "voltage_a")
    assert (voltage.type, voltage.unit, voltage.low, voltage.high, voltage.decimals) == (
        MetricType.DOUBLE,
        "V",
        180.0,
        260.0,
        None,
    )


def test_transformer_station_takes_the_recorded_series_as_it_is() -> None:
    """Every value of the recorded transformer lies within the bounds of its metric."""
    station = next(p for p in reference.profiles() if p.code == "transformer_station")
    recorded = HERE.parent / "simulator" / "data" / "ETTh1.csv"
    with recorded.open(encoding="utf-8", newline="") as lines:
        columns = list(zip(*[row[1:] for row in list(csv.reader(lines))[1:]], strict=True))
    assert len(columns) == len(station.metrics)
    for metric, column in zip(station.metrics, columns, strict=True):
        values = [float(value) for value in column]
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low <= min(values) <= max(values) <= metric.high


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "regions.csv",
            "320500,320599,city,320000",
            "320500,320599,city,330000",
            "regions.csv, line 90: its parent does not come before it.",
        ),
        (
            "regions.csv",
            "320500,320599,city",
            "320500,330599,city",
            "regions.csv, line 90: its codes do not lie within its parent's.",
        ),
        (
            "regions.csv",
            "320500,320599,city",
            "320400,320599,city",
            "regions.csv, line 90: 320400 is there twice.",
        ),
        (
            "regions.csv",
            "320500,320599,city",
            "320450,320599,city",
            "regions.csv, line 90: its codes overlap those of the region before it.",
        ),
        (
            "regions.csv",
            "320500,320599,city",
            "320500,320599,town",
            "regions.csv, line 90: cannot be read ('town' is not a valid RegionLevel).",
        ),
        (
            "tiers.csv",
            "bronze,铜牌,Bronze",
            "bronze,铜牌",
            "tiers.csv, line 3: it has not as many columns as the head.",
        ),
        (
            "operators.csv",
            "46001,china_unicom,中国联通,China Unicom,false",
            "46001,china_unicom,中国联通,China Unicom,no",
            "operators.csv, line 3: cannot be read ('no').",
        ),
        (
            "country.json",
            '"calling_code"',
            '"dialling_code"',
            (
                "country.json, line 1: cannot be read (Country.__init__() got an unexpected"
                " keyword argument 'dialling_code')."
            ),
        ),
    ],
)
def test_fault_in_a_file_is_named_with_its_line(
    copy: Path, file: str, old: str, new: str, message: str
) -> None:
    """Who replaces the data learns where they are wrong, not that the seeding failed."""
    text = (copy / file).read_text("utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ReferenceInvalid) as caught:
        reference.load(copy)
    assert str(caught.value) == message
