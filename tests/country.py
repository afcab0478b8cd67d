"""A small country for tests: two provinces, two clients, one profile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from foundation.database import Connection, Pool, open_pool, transaction
from registry import group_clients, profiles, regions, terminals
from registry.identifiers import TerminalCode
from registry.model import (
    UNDEFINED_PROFILE,
    DeviceProfile,
    Industry,
    IndustryClass,
    Metric,
    MetricType,
    Region,
    RegionCode,
    RegionLevel,
    Sector,
    Terminal,
    TerminalState,
    Tier,
)
from registry.scope import Scope
from tests.conftest import Database

HEADQUARTERS = RegionCode(0)
JIANGSU, NANJING = RegionCode(320000), RegionCode(320100)
ZHEJIANG, HANGZHOU = RegionCode(330000), RegionCode(330100)

REGIONS = (
    Region(HEADQUARTERS, RegionCode(999999), RegionLevel.HEADQUARTERS, None, "总部", "HQ"),
    Region(JIANGSU, RegionCode(329999), RegionLevel.PROVINCE, HEADQUARTERS, "江苏", "Jiangsu"),
    Region(NANJING, RegionCode(320199), RegionLevel.CITY, JIANGSU, "南京", "Nanjing"),
    Region(ZHEJIANG, RegionCode(339999), RegionLevel.PROVINCE, HEADQUARTERS, "浙江", "Zhejiang"),
    Region(HANGZHOU, RegionCode(330199), RegionLevel.CITY, ZHEJIANG, "杭州", "Hangzhou"),
)

VOLTAGE = Metric("voltage_a", MetricType.DOUBLE, "V", 180.0, 260.0, None, "A 相电压", "Voltage A")
ENERGY = Metric("energy_kwh", MetricType.DOUBLE, "kW.h", 0.0, None, 2, "电能", "Energy")
METER = DeviceProfile(
    id=UNDEFINED_PROFILE,
    code="meter",
    sector=Sector.POWER,
    title_zh="电表",
    title_en="Meter",
    codec="json",
    expected_interval_seconds=60,
    metrics=(VOLTAGE, ENERGY),
)

everything = Scope.system("test")


@asynccontextmanager
async def settled(database: Database) -> AsyncIterator[Pool]:
    """Connections as the API makes them, to a database with the small country in it."""
    power = Industry("power", "电力", "Power", IndustryClass.GROWTH)
    gold = Tier("gold", "金牌", "Gold", 2.0, 1100, None)
    async with await open_pool(database.owner, name="owner") as owners, transaction(owners) as conn:
        await regions.put(conn, everything, REGIONS, [power], [gold])
    async with await open_pool(database.api, name="test", max_size=4) as opened:
        async with transaction(opened, everything.settings()) as conn:
            await _settle(conn)
        yield opened


async def _settle(conn: Connection) -> None:
    """Clients `power-js` and `power-zj`, and the profile `meter`."""
    for code, region in (("power-js", JIANGSU), ("power-zj", ZHEJIANG)):
        await group_clients.register(
            conn, everything, code=code, name=code, region=region, industry="power", tier="gold"
        )
    await profiles.define(conn, everything, METER)


async def register(
    pool: Pool,
    *codes: str,
    region: RegionCode = JIANGSU,
    group_client: str | None = "power-js",
    state: TerminalState = TerminalState.IN_SERVICE,
) -> list[Terminal]:
    """Put meters on the roll."""
    async with transaction(pool, everything.settings()) as conn:
        return [
            (
                await terminals.register(
                    conn,
                    everything,
                    code=TerminalCode(code),
                    profile="meter",
                    region=region,
                    group_client=group_client,
                    state=state,
                )
            ).terminal
            for code in codes
        ]
