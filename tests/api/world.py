"""A small world for the tests of API and console: two provinces, two clients, six terminals.

suzhou-power     (Jiangsu)   METER-1, METER-2 in service, METER-3 registered
hangzhou-transit (Zhejiang)  BUS-1 in service
the operator                 SPARE-1 in Jiangsu, retired OLD-1
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from deploy import reference
from foundation.database import Connection, open_pool, transaction
from registry import (
    api_keys,
    enrolment,
    group_clients,
    networks,
    profiles,
    regions,
    terminals,
    users,
)
from registry.enrolment import Draft, InstalledSim
from registry.identifiers import Iccid, Imei, Imsi, Msisdn, TerminalCode
from registry.model import ProfileId, RegionCode, TerminalState
from registry.scope import Role, Scope
from telemetry.model import Reason
from tests.conftest import Database

SYSTEM = Scope.system("tests")
JIANGSU, SUZHOU = RegionCode(320000), RegionCode(320500)
ZHEJIANG, HANGZHOU = RegionCode(330000), RegionCode(330100)
PASSWORD = "four words are enough"

POWER, TRANSIT = "suzhou-power", "hangzhou-transit"


@dataclass(frozen=True, slots=True)
class World:
    """What the tests need to know; `keys` are API keys by who holds them."""

    database: Database
    keys: Mapping[str, str]
    ids: Mapping[str, int]
    """Terminals' ids by code."""

    def measured(
        self, code: str, profile: str, time: datetime, **values: float | bool | str
    ) -> None:
        """Store a reading, its values as the newest, and its presence, as bridge and jobs will."""
        with psycopg.connect(self.database.superuser, autocommit=True) as conn:
            row = {"time": time, "terminal_id": self.ids[code], "delay_seconds": 0, **values}
            conn.execute(
                sql.SQL("insert into telemetry.{} ({}) values ({})").format(
                    sql.Identifier(profile),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(map(sql.Placeholder, row)),
                ),
                row,
            )
            for metric, value in values.items():
                text = value if isinstance(value, str) else None
                conn.execute(
                    "insert into telemetry.latest values (%s, %s, %s, %s, %s) on conflict"
                    " (terminal_id, metric) do update set time = excluded.time,"
                    " number = excluded.number, text = excluded.text",
                    (self.ids[code], metric, time, None if text else float(value), text),
                )

            conn.execute(
                "insert into telemetry.presence (terminal_id, data_at, silent_since)"
                " select id, %(at)s, case when %(at)s + patience < now() then %(at)s + patience end"
                " from (select id, make_interval(secs => silent_after_seconds) as patience"
                " from registry.terminal_card where id = %(id)s) t on conflict (terminal_id)"
                " do update set data_at = excluded.data_at, silent_since = excluded.silent_since",
                {"id": self.ids[code], "at": time},
            )

    def enrol(self, codes: Iterable[str]) -> None:
        """Put more meters of the operator's in service in Suzhou, as the registry does."""
        with psycopg.connect(self.database.superuser, autocommit=True) as conn:
            for code in codes:
                conn.execute(
                    "with t as (insert into registry.terminal (code, state, profile_id,"
                    " region_code) select %s, 'in_service', id, %s from registry.profile"
                    " where code = 'smart_meter' returning id, code)"
                    " insert into registry.ownership (terminal_id, terminal_code, valid_from)"
                    " select id, code, '-infinity' from t",
                    (code, SUZHOU),
                )

    def refused(
        self, code: str | None, reason: Reason, payload: bytes, detail: str = "it is refused"
    ) -> int:
        """Put a message in quarantine; returns its number."""
        topic = f"m2m/v1/{code or 'NOBODY'}/telemetry"
        with psycopg.connect(self.database.superuser, autocommit=True) as conn:
            row = conn.execute(
                "insert into telemetry.quarantine (received_at, last_received_at, bridge, topic,"
                " terminal_id, reason, detail, payload, payload_bytes, digest)"
                " values (now(), now(), 'bridge-1', %s, %s, %s, %s, %s, %s, sha256(%s))"
                " returning id",
                (topic, code and self.ids[code], reason, detail, payload, len(payload), payload),
            ).fetchone()
        assert row is not None
        return int(row[0])

    def happened(
        self, code: str, time: datetime, event: str, text: str | None = None, **data: str
    ) -> None:
        """Store an event that carries this data."""
        with psycopg.connect(self.database.superuser, autocommit=True) as conn:
            conn.execute(
                "insert into telemetry.event (time, terminal_id, delay_seconds, code, text, data,"
                " digest) values (%s, %s, 1, %s, %s, %s, 1)",
                (time, self.ids[code], event, text, Jsonb(data) if data else None),
            )


def minutes_ago(minutes: float) -> datetime:
    """An instant not long ago, in whole milliseconds as devices send them."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000) - timedelta(minutes=minutes)


async def build(database: Database) -> World:
    """Bring the world into a fresh database."""
    async with (
        await open_pool(database.owner, name="world", max_size=1) as pool,
        transaction(pool, SYSTEM.settings()) as conn,
    ):
        country = reference.load()
        await regions.put(conn, SYSTEM, country.regions, country.industries, country.tiers)
        await networks.put(conn, SYSTEM, country.networks, country.number_ranges)
        for profile in reference.profiles():
            await profiles.define(conn, SYSTEM, profile)
        await _clients(conn)
        await _terminals(conn)
        keys = await _keys(conn)
        await _users(conn)
        cursor = await conn.execute("select code, id from registry.terminal")
        ids = {row["code"]: row["id"] async for row in cursor}
    return World(database, keys, ids)


async def _clients(conn: Connection) -> None:
    for code, name, region, industry, tier in (
        (POWER, "苏州示例电力", SUZHOU, "power", "gold"),
        (TRANSIT, "杭州示例公交", HANGZHOU, "transport", "silver"),
    ):
        await group_clients.register(
            conn, SYSTEM, code=code, name=name, region=region, industry=industry, tier=tier
        )


async def _terminals(conn: Connection) -> None:
    ids = {p.code: p.id for p in await profiles.list_all(conn, SYSTEM)}
    owners = {c: (await group_clients.find(conn, SYSTEM, c)).id for c in (POWER, TRANSIT)}
    in_service, registered = TerminalState.IN_SERVICE, TerminalState.REGISTERED

    def draft(
        code: str,
        profile: str,
        region: RegionCode,
        owner: str | None,
        state: TerminalState,
        *,
        name: str | None = None,
        imei: str | None = None,
        sim: InstalledSim | None = None,
    ) -> Draft:
        return Draft(
            code=TerminalCode.parse(code),
            profile_id=ProfileId(ids[profile]),
            region_code=region,
            group_client_id=owners[owner] if owner else None,
            name=name,
            state=state,
            imei=(imei and Imei.parse(imei)) or None,
            sim=sim,
        )

    sim = InstalledSim(
        Iccid.parse("89860425102099341174"),
        Imsi.parse("460040123456789"),
        Msisdn.parse("1440112345678"),
    )
    drafts = [
        draft("METER-1", "smart_meter", SUZHOU, POWER, in_service, name="2# 配电房",
              imei="490154203237518", sim=sim),
        draft("METER-2", "smart_meter", SUZHOU, POWER, in_service),
        draft("METER-3", "smart_meter", SUZHOU, POWER, registered),
        draft("BUS-1", "vehicle_tracker", HANGZHOU, TRANSIT, in_service),
        draft("SPARE-1", "site_environment", SUZHOU, None, TerminalState.TESTING),
        draft("OLD-1", "smart_meter", SUZHOU, None, TerminalState.TESTING),
    ]  # fmt: skip
    await enrolment.enrol(conn, SYSTEM, drafts)
    await terminals.retire(conn, SYSTEM, "OLD-1")


async def _keys(conn: Connection) -> dict[str, str]:
    issued = {
        "admin": await api_keys.issue(conn, SYSTEM, name="admin", role=Role.ADMIN),
        "jiangsu": await api_keys.issue(
            conn, SYSTEM, name="jiangsu", role=Role.OPERATOR, region=JIANGSU
        ),
        "power": await api_keys.issue(
            conn, SYSTEM, name="power", role=Role.CLIENT_VIEWER, group_clients=[POWER]
        ),
        "transit": await api_keys.issue(
            conn, SYSTEM, name="transit", role=Role.CLIENT_ADMIN, group_clients=[TRANSIT]
        ),
        "agent": await api_keys.issue(
            conn, SYSTEM, name="agent", role=Role.AGENT, group_clients=[POWER]
        ),
        "idle": await api_keys.issue(conn, SYSTEM, name="idle", role=Role.ACCOUNT_MANAGER),
        "scraper": await api_keys.issue(conn, SYSTEM, name="scraper", role=Role.SCRAPER),
    }
    return {holder: key.secret for holder, key in issued.items()}


async def _users(conn: Connection) -> None:
    await users.appoint(conn, SYSTEM, name="ada", password=PASSWORD, role=Role.ADMIN)
    await users.appoint(
        conn, SYSTEM, name="jin", password=PASSWORD, role=Role.SUPERVISOR, region=JIANGSU
    )
    await users.appoint(
        conn, SYSTEM, name="pei", password=PASSWORD, role=Role.CLIENT_VIEWER, group_clients=[POWER]
    )
    await users.appoint(
        conn, SYSTEM, name="sam", password=PASSWORD, role=Role.AGENT, group_clients=[POWER]
    )
