"""Demo fleets: invented group clients and terminals that are plausible, repeatable, of any size.

The same reference, profiles, sizes and seed give the same fleet. Terminals are planned one at a
time, so that three million of them need no more memory than two hundred.
"""

import random
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from deploy.reference import numbering
from deploy.reference.clients import FleetClient, Story, plan_clients, survey
from deploy.reference.tables import Certainty, Network, NumberRange, Reference
from registry.identifiers import Iccid, Imei, Imsi, Msisdn, TerminalCode
from registry.model import (
    DeviceProfile,
    Region,
    RegionCode,
    Sector,
    Standing,
    TerminalState,
)

__all__ = ["Fleet", "FleetClient", "FleetTerminal", "Story"]

Thing = TypeVar("Thing")

DEMO_SEED = 3314
"""Gives the smallest fleets clients in power, transport, security and finance."""

FEW = 5_000
"""Below so many terminals a fleet keeps to a few cities, so that each has something to show."""

_SECTOR_WEIGHTS = {
    "automotive": (0, 9, 1),
    "aviation": (1, 6, 3),
    "finance": (1, 1, 8),
    "logistics": (0, 8, 2),
    "power": (9, 0, 1),
    "security": (0, 1, 9),
    "transport": (1, 8, 1),
    "water": (6, 1, 3),
}
_OTHER_WEIGHTS = (4, 3, 3)
_RARE_PROFILES = {"transformer_station": 0.15}
_STATE_WEIGHTS = {
    TerminalState.IN_SERVICE: 95,
    TerminalState.TESTING: 2,
    TerminalState.MAINTENANCE: 1,
    TerminalState.PROVISIONED: 1,
    TerminalState.REGISTERED: 1,
}


_PLACES = ("人民路", "解放路", "中山路", "建设路", "西湖路", "滨江", "东门", "城北", "高新区",
           "开发区", "工业园", "大学城", "火车站", "新港", "和平里", "长青")  # fmt: skip
_TAGS = {"pilot": 40, "priority": 150, "rural": 7, "batch-2026-09": 1000}
"""What a terminal may be tagged with, and how many there are for each that is."""


@dataclass(frozen=True, slots=True)
class FleetTerminal:
    """A terminal to register with its SIM; `previous_client_code` owned it until yesterday."""

    code: TerminalCode
    name: str
    tags: tuple[str, ...]
    profile_code: str
    client_code: str
    previous_client_code: str | None
    region_code: RegionCode
    state: TerminalState
    imei: Imei
    iccid: Iccid
    imsi: Imsi
    msisdn: Msisdn
    story: Story | None


class Fleet:
    """A planned fleet; nothing lies in `empty_province`, all of `silent_city` is silent.

    There is one client for each 150 terminals, 12 at least, unless `clients` says how many. All
    stories are told from 5 terminals on.
    """

    def __init__(
        self,
        reference: Reference,
        profiles: Sequence[DeviceProfile],
        *,
        terminals: int,
        clients: int | None = None,
        seed: int = DEMO_SEED,
    ) -> None:
        self.size = terminals
        self._territory = survey(reference, few=terminals < FEW)
        count = max(12, terminals // 150) if clients is None else clients
        self.clients = plan_clients(reference, self._territory, count, seed)
        self.empty_province = self._territory.empty_province
        self.silent_city = self._territory.all_cities[-1]
        self._profiles = profiles
        self._networks = [n for n in reference.networks if n.home and n.use == "m2m"]
        operators = {network.operator for network in self._networks}
        self._ranges = [
            known
            for known in reference.number_ranges
            if known.use == "m2m"
            and known.operator in operators
            and known.certainty is Certainty.CONFIRMED
        ]
        self._seed = seed

    def terminals(self) -> Iterator[FleetTerminal]:
        """The terminals, the same at each call; the first five tell each story."""
        dice = random.Random(self._seed)  # noqa: S311 - a demo, not a secret
        owners = [c for c in self.clients if c.standing is Standing.CUSTOMER]
        pick_owner = _Lot(owners, [1 / (rank + 5) ** 0.9 for rank in range(len(owners))])
        pick_profile = {
            owner.industry_code: self._profile_lot(owner.industry_code) for owner in owners
        }
        pick_state = _Lot(list(_STATE_WEIGHTS), list(_STATE_WEIGHTS.values()))
        homes = self._homes()
        numbered: Counter[tuple[str, RegionCode]] = Counter()
        for index in range(self.size):
            owner = pick_owner.draw(dice)
            profile = pick_profile[owner.industry_code].draw(dice)
            city = dice.choice(homes[owner.region_code])
            state = pick_state.draw(dice)
            told = _FIRST[index] if index < len(_FIRST) else None
            if told is Story.SILENT_CITY:
                city = self.silent_city
            elif told is not None and city is self.silent_city:
                city = self._territory.all_cities[0]
            if told is Story.WRONG_UNITS:
                profile = self._measuring("V", Sector.POWER)
            if city is self.silent_city:
                told = Story.SILENT_CITY
            previous = None
            if told is Story.TRANSFERRED:
                previous = next(c.code for c in owners if c is not owner)
            prefix = "".join(word[0] for word in profile.code.split("_")).upper()
            numbered[prefix, city.code] += 1
            model = self._profiles.index(profile) + 1
            yield FleetTerminal(
                code=TerminalCode(f"{prefix}-{city.code:06d}-{numbered[prefix, city.code]:05d}"),
                name=_name(index, city, profile, numbered[prefix, city.code]),
                tags=tuple(tag for tag, every in _TAGS.items() if index % every == every - 1),
                profile_code=profile.code,
                client_code=owner.code,
                previous_client_code=previous,
                region_code=city.code,
                state=state if told is None else TerminalState.IN_SERVICE,
                imei=numbering.imei(index, model, self._seed),
                iccid=numbering.iccid(index, self._network(index), self._seed),
                imsi=numbering.imsi(index, self._network(index), self._seed),
                msisdn=numbering.msisdn(index, self._range(index), self._seed),
                story=told,
            )

    def _network(self, index: int) -> Network:
        return self._networks[index % len(self._networks)]

    def _range(self, index: int) -> NumberRange:
        return self._ranges[index % len(self._ranges)]

    def _homes(self) -> dict[RegionCode, Sequence[Region]]:
        """Where the terminals of a client lie: below the region that supervises it."""
        cities = self._territory.all_cities
        homes: dict[RegionCode, Sequence[Region]] = {self._territory.root.code: cities}
        homes |= {province.code: found for province, found in self._territory.cities.items()}
        homes |= {city.code: [city] for city in cities}
        return homes

    def _profile_lot(self, industry_code: str) -> "_Lot[DeviceProfile]":
        weights = dict(zip(Sector, _SECTOR_WEIGHTS.get(industry_code, _OTHER_WEIGHTS), strict=True))
        share = [weights[p.sector] * _RARE_PROFILES.get(p.code, 1) for p in self._profiles]
        return _Lot(self._profiles, share)

    def _measuring(self, unit: str, sector: Sector) -> DeviceProfile:
        """A profile of the sector that measures something in the unit."""
        return next(
            p
            for p in self._profiles
            if p.sector is sector and any(metric.unit == unit for metric in p.metrics)
        )


_FIRST = (
    Story.WRONG_UNITS,
    Story.SEPARATED,
    Story.RIVAL,
    Story.TRANSFERRED,
    Story.SILENT_CITY,
)


def _name(index: int, city: Region, profile: DeviceProfile, number: int) -> str:
    """Where it stands, as people say it, and which of its kind it is."""
    return f"{city.name_zh}{_PLACES[index * 7 % len(_PLACES)]}{number}号{profile.title_zh}"


class _Lot(Generic[Thing]):
    """Things to draw from, each as often as its weight says."""

    def __init__(self, things: Sequence[Thing], weights: Sequence[float]) -> None:
        self._things = things
        self._heights = list(accumulate(weights))

    def draw(self, dice: random.Random) -> Thing:
        return self._things[bisect(self._heights, dice.random() * self._heights[-1])]
