"""The group clients of a demo fleet: invented names, real regions, a tree, and a book of files."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from deploy.reference.tables import Reference
from registry.model import (
    FileState,
    Industry,
    IndustryClass,
    Region,
    RegionCode,
    RegionLevel,
    Standing,
    Tier,
    ValueGrade,
)

_BRAND_FIRST = "恒瑞宏安信泰华远博晟嘉诚启新盛达云峰明德"
_BRAND_SECOND = "通源泽拓晖丰朗驰盈科畅和昌航腾基联创康毅"
_CLASS_WEIGHTS = {
    IndustryClass.GROWTH: 6,
    IndustryClass.INCUBATION: 3,
    IndustryClass.OTHER: 1,
}


class Story(StrEnum):
    """What there is to tell of a client or terminal; the first four are the simulator's to play."""

    SEPARATED = "separated"
    """Its SIM is in other hardware than the one on the roll."""
    RIVAL = "rival"
    """A rival operator's SIM is in it."""
    SILENT_CITY = "silent_city"
    """It lies in the city that has gone silent."""
    WRONG_UNITS = "wrong_units"
    """It sends other units than its profile says."""
    TRANSFERRED = "transferred"
    """It passed from one client to another yesterday."""
    FILE_DUE = "file_due"
    """The client's file is due for verification."""


@dataclass(frozen=True, slots=True)
class FleetClient:
    """A group client to register; `parent_code` names one that comes before it."""

    code: str
    name: str
    parent_code: str | None
    region_code: RegionCode
    level: RegionLevel
    industry_code: str
    tier_code: str
    file_state: FileState
    standing: Standing
    value_grade: ValueGrade
    watched: bool
    story: Story | None


@dataclass(frozen=True, slots=True)
class Territory:
    """Where a fleet is: some provinces with some of their cities, and one province with nothing."""

    root: Region
    cities: Mapping[Region, Sequence[Region]]
    empty_province: Region

    @property
    def all_cities(self) -> list[Region]:
        return [city for cities in self.cities.values() for city in cities]


def survey(reference: Reference, *, few: bool) -> Territory:
    """All provinces but the last with all their cities; of both only some where `few` will do."""
    provinces = [r for r in reference.regions if r.level is RegionLevel.PROVINCE]
    used = provinces[:-1:9] if few else provinces[:-1]
    cities = {
        province: [r for r in reference.regions if r.parent_code == province.code]
        for province in used
    }
    return Territory(
        root=reference.regions[0],
        cities={p: found[:5:2] if few else found for p, found in cities.items()},
        empty_province=provinces[-1],
    )


def plan_clients(
    reference: Reference, territory: Territory, count: int, seed: int
) -> tuple[FleetClient, ...]:
    """`count` clients, those that matter most first; parents before their children."""
    dice = random.Random(seed)  # noqa: S311 - a demo, not a secret
    industries = dice.choices(
        reference.industries,
        [_CLASS_WEIGHTS[industry.industry_class] for industry in reference.industries],
        k=count,
    )
    national = max(2, count // 100)
    provincial = max(3, count // 10)
    provinces = list(territory.cities)
    cities = territory.all_cities
    dice.shuffle(cities)
    clients: list[FleetClient] = []
    for index in range(count):
        industry, parent, brand = industries[index], None, _brand(index)
        if index < national:
            region, branch = territory.root, "集团"
        elif index < national + provincial:
            region = provinces[(index - national) % len(provinces)]
            branch = f"（{region.name_zh}）有限公司"
        else:
            region = cities[(index - national - provincial) % len(cities)]
            branch = f"（{region.name_zh}）有限公司"
        if index >= national and index % 4 == 2:
            owner = index // 4 % national
            parent, brand, industry = clients[owner].code, _brand(owner), industries[owner]
            branch = f"{region.name_zh}{'公司' if region in territory.cities else '分公司'}"
        name = f"示例{brand}{industry.title_zh}{branch}"
        clients.append(_client(index, count, name, parent, region, industry, reference.tiers))
    return tuple(clients)


def _brand(index: int) -> str:
    first, second = index % len(_BRAND_FIRST), index // len(_BRAND_FIRST) + index
    return _BRAND_FIRST[first] + _BRAND_SECOND[second % len(_BRAND_SECOND)]


def _client(
    index: int,
    count: int,
    name: str,
    parent_code: str | None,
    region: Region,
    industry: Industry,
    tiers: Sequence[Tier],
) -> FleetClient:
    """The `index`-th of `count`: its rank decides what it is worth and how it is served."""
    rank = index / count
    if index % 11 == 9:
        standing = Standing.PROSPECT
        file_state = FileState.FILED if index % 2 else FileState.SURVEYED
    elif index % 29 == 28:
        standing, file_state = Standing.LOST, FileState.CLOSED
    else:
        standing = Standing.CUSTOMER
        file_state = FileState.DUE if index % 25 == 1 else FileState.VERIFIED
    # Tiers come from the least to the most; the least is for those who only try.
    step = 0 if rank < 0.1 else 1 if rank < 0.4 else 2
    served = tiers[0] if standing is Standing.PROSPECT else tiers[max(0, len(tiers) - 1 - step)]
    return FleetClient(
        code=f"GC-{index + 1:05d}",
        name=name,
        parent_code=parent_code,
        region_code=region.code,
        level=region.level,
        industry_code=industry.code,
        tier_code=served.code,
        file_state=file_state,
        standing=standing,
        value_grade=ValueGrade("ABCD"[int(rank * 4)]),
        watched=rank < 0.02,
        story=Story.FILE_DUE if index == 1 else None,
    )
