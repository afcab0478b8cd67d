"""Reference data from its files: each row is checked, and a fault names its file and line."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from foundation.errors import Invalid
from registry import profile_document
from registry.identifiers import Imsi, Msisdn
from registry.model import (
    DeviceProfile,
    Industry,
    IndustryClass,
    Region,
    RegionCode,
    RegionLevel,
    Tier,
)

HERE = Path(__file__).parent
SECTOR_PROFILES = HERE / "sector_profiles"
Row = Mapping[str, str]
Parsed = TypeVar("Parsed")


class ReferenceInvalid(Invalid):
    """A file of reference data cannot be used."""

    code = "reference_invalid"
    remedy = "Correct the named line of the file."

    def __init__(self, file: Path, line: int, why: str) -> None:
        super().__init__(f"{file.name}, line {line}: {why}.")
        self.file = file
        self.line = line


class Certainty(StrEnum):
    """How sure a published fact is: several sources, one, or operators' practice only."""

    CONFIRMED = "confirmed"
    LIKELY = "likely"
    PRACTICE = "practice"


@dataclass(frozen=True, slots=True)
class Country:
    """The country that the reference data are of; `calling_code` is without +."""

    code: str
    title_zh: str
    title_en: str
    calling_code: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Network:
    """Whose SIMs begin with `prefix` (MCC and MNC) in their IMSI, and for what `use`."""

    prefix: str
    operator: str
    title_zh: str
    title_en: str
    home: bool
    use: str
    iccid_prefix: str
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Who issued the numbers of `digits` digits that begin with `prefix`, and for what `use`."""

    prefix: str
    digits: int
    operator: str
    use: str
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Packed:
    """A package to begin with: a tier and built-in profiles, by their codes."""

    code: str
    title_zh: str
    title_en: str
    tier: str
    profiles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """All that is known of one country and its operators; regions come parents first."""

    country: Country
    regions: tuple[Region, ...]
    networks: tuple[Network, ...]
    number_ranges: tuple[NumberRange, ...]
    industries: tuple[Industry, ...]
    tiers: tuple[Tier, ...]
    packages: tuple[Packed, ...]

    def network_of(self, imsi: Imsi) -> Network | None:
        """The network with the longest prefix of the IMSI, None when no listed one has any."""
        return max(
            (network for network in self.networks if imsi.text.startswith(network.prefix)),
            key=lambda network: len(network.prefix),
            default=None,
        )

    def range_of(self, msisdn: Msisdn) -> NumberRange | None:
        """The range with the longest prefix of the number, None when it is in no listed one."""
        number = msisdn.text
        return max(
            (
                known
                for known in self.number_ranges
                if known.digits == len(number) and number.startswith(known.prefix)
            ),
            key=lambda known: len(known.prefix),
            default=None,
        )


def load(directory: Path = HERE / "cn") -> Reference:
    """The reference data of a directory; ReferenceInvalid at the first fault."""
    regions = _table(directory / "regions.csv", _region)
    _check_tree(directory / "regions.csv", regions)
    return Reference(
        country=_country(directory / "country.json"),
        regions=regions,
        networks=_table(directory / "operators.csv", _network),
        number_ranges=_table(directory / "number_ranges.csv", _number_range),
        industries=_table(directory / "industries.csv", _industry),
        tiers=_table(directory / "tiers.csv", _tier),
        packages=_table(file, _package) if (file := directory / "packages.csv").exists() else (),
    )


def profiles(directory: Path = HERE / "profiles") -> tuple[DeviceProfile, ...]:
    """The device profiles of a directory's *.json, by file name; ProfileInvalid if one is wrong."""
    return tuple(
        profile_document.parse(json.loads(file.read_text(encoding="utf-8")))
        for file in sorted(directory.glob("*.json"))
    )


def sector_profiles() -> tuple[DeviceProfile, ...]:
    """The profiles of terminals that speak their sector's own frames; no demo fleet has them."""
    return profiles(SECTOR_PROFILES)


def _country(file: Path) -> Country:
    try:
        return Country(**json.loads(file.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as fault:
        raise ReferenceInvalid(file, 1, f"cannot be read ({fault})") from fault


def _table(file: Path, parse: Callable[[Row], Parsed]) -> tuple[Parsed, ...]:
    return tuple(_rows(file, parse))


def _rows(file: Path, parse: Callable[[Row], Parsed]) -> Iterator[Parsed]:
    keys: set[str] = set()
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        for row in reader:
            if None in row or None in row.values():
                raise ReferenceInvalid(
                    file, reader.line_num, "it has not as many columns as the head"
                )
            key = next(iter(row.values()))
            if key in keys:
                raise ReferenceInvalid(file, reader.line_num, f"{key} is there twice")
            keys.add(key)
            try:
                yield parse(row)
            except (KeyError, TypeError, ValueError) as fault:
                raise ReferenceInvalid(
                    file, reader.line_num, f"cannot be read ({fault})"
                ) from fault


def _region(row: Row) -> Region:
    return Region(
        code=RegionCode(int(row["code"])),
        last_code=RegionCode(int(row["last_code"])),
        level=RegionLevel(row["level"]),
        parent_code=RegionCode(int(row["parent_code"])) if row["parent_code"] else None,
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        tile_row=int(row["tile_row"]) if row["tile_row"] else None,
        tile_column=int(row["tile_column"]) if row["tile_column"] else None,
    )


def _network(row: Row) -> Network:
    return Network(
        prefix=row["network"],
        operator=row["operator"],
        title_zh=row["title_zh"],
        title_en=row["title_en"],
        home={"true": True, "false": False}[row["home"]],
        use=row["use"],
        iccid_prefix=row["iccid_prefix"],
        certainty=Certainty(row["certainty"]),
    )


def _number_range(row: Row) -> NumberRange:
    return NumberRange(
        prefix=row["prefix"],
        digits=int(row["digits"]),
        operator=row["operator"],
        use=row["use"],
        certainty=Certainty(row["certainty"]),
    )


def _industry(row: Row) -> Industry:
    return Industry(row["code"], row["title_zh"], row["title_en"], IndustryClass(row["class"]))


def _tier(row: Row) -> Tier:
    return Tier(
        code=row["code"],
        title_zh=row["title_zh"],
        title_en=row["title_en"],
        offline_factor=float(row["offline_factor"]),
        history_days=int(row["history_days"]),
        terminal_quota=_bound(row["terminal_quota"]),
        messages_per_second=_bound(row["messages_per_second"]),
        # A country's own file may be older than these.
        bytes_per_second=_bound(row.get("bytes_per_second")),
        alarm_response_minutes=_bound(row.get("alarm_response_minutes")),
        series_cap=_bound(row.get("series_cap")),
        exports_per_day=_bound(row.get("exports_per_day")),
        export_bytes_per_day=_bound(row.get("export_bytes_per_day")),
        trial_days=_bound(row.get("trial_days")),
        after_trial=row.get("after_trial") or None,
    )


def _package(row: Row) -> Packed:
    return Packed(
        row["code"], row["title_zh"], row["title_en"], row["tier"], tuple(row["profiles"].split())
    )


def _bound(text: str | None) -> int | None:
    return int(text) if text else None


def _check_tree(file: Path, regions: tuple[Region, ...]) -> None:
    """Each region lies within its parent, which comes before it, and beside its siblings."""
    ends: dict[RegionCode | None, int] = {}
    known: dict[RegionCode, Region] = {}
    for line, region in enumerate(regions, start=2):
        parent = known.get(region.parent_code) if region.parent_code is not None else None
        if parent is None and known:
            raise ReferenceInvalid(file, line, "its parent does not come before it")
        if region.last_code < region.code or (
            parent and not parent.code <= region.code <= region.last_code <= parent.last_code
        ):
            raise ReferenceInvalid(file, line, "its codes do not lie within its parent's")
        if region.code <= ends.get(region.parent_code, -1):
            raise ReferenceInvalid(file, line, "its codes overlap those of the region before it")
        ends[region.parent_code] = region.last_code
        known[region.code] = region
