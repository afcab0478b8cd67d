"""First data of a deployment: the country, the built-in profiles, accounts, a demonstration.

Safe to repeat: what is there stays as it is, what is missing comes, and a password that was lost
with the home is made anew.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy import (
    reference,
    seed_accounts,
    seed_fleet,
    seed_rules,
    seed_sims,
    seed_transfers,
)
from deploy.reference import Reference
from foundation.database import Connection, open_pool, transaction
from registry import (
    credentials,
    group_clients,
    networks,
    packages,
    profiles,
    regions,
    terminals,
    users,
)
from registry.errors import GroupClientNotFound, TerminalNotFound, UsersThere
from registry.identifiers import TerminalCode
from registry.model import (
    DeviceProfile,
    FileState,
    RegionLevel,
    Standing,
    TerminalState,
    ValueGrade,
)
from registry.scope import Role, Scope

DEMO_CLIENT = "GC-DEMO"
FLEET_CLIENTS = "GC-0"  # what their codes begin with; they count from the one that matters most
DEMO_TERMINAL = "demo-meter"
DEMO_PROFILE, DEMO_METRIC = "smart_meter", "voltage_a"
FIRST_ADMIN = "admin"
CREDENTIALS_FILE = "credentials.json"

scope = Scope.system("seed")


async def seed(dsn: str, home: Path, *, fleet: int) -> dict[str, Any]:
    """Bring the database of `dsn` (its owner or a superuser) to what a first start shows.

    Writes the simulator's `fleet.jsonl` into `home` where `fleet` terminals are wanted. Returns the
    contents of `credentials.json` but for the bridge's account; what that file holds already stays.
    """
    country, built_in = reference.load(), reference.profiles()
    kept = _kept(home / CREDENTIALS_FILE)
    async with await open_pool(dsn, name="seed", max_size=1) as pool:
        async with transaction(pool, scope.settings()) as conn:
            await _describe(conn, country)
            defined = await _define(conn, built_in)
            await _offer(conn, country)
            terminal = await _demonstrate(conn, country, kept.get("terminal", {}))
            members = await seed_fleet.enrol(conn, scope, home, country, defined, fleet)
            customers = await _customers(conn)
            accounts = await seed_accounts.ensure(conn, scope, kept, customers)
            await seed_rules.hold(conn, scope, demonstrate=fleet > 0)
            if fleet:
                await seed_transfers.waiting(conn, scope, customers)
                await seed_sims.stock(conn, scope, country, customers)
        # Not before the commit: a file must not name a terminal that is not on the roll.
        if fleet:
            seed_fleet.write(home, members)
    return accounts | {"terminal": terminal}


async def found(
    dsn: str, admin_password: str, *, name: str = FIRST_ADMIN, once: bool = False
) -> None:
    """Bring a new production database to its first sign-in: the country, profiles, one admin.

    Nothing of a demonstration. The password has to be changed at that sign-in. Where there are
    users nobody is appointed, and `once` raises UsersThere.
    """
    country = reference.load()
    async with (
        await open_pool(dsn, name="seed", max_size=1) as pool,
        transaction(pool, scope.settings()) as conn,
    ):
        there = await users.any_there(conn, scope)
        if there and once:
            raise UsersThere
        await _describe(conn, country)
        await _define(conn, reference.profiles())
        await _offer(conn, country)
        if not there:
            await users.appoint(
                conn,
                scope,
                name=name,
                password=admin_password,
                role=Role.ADMIN,
                must_change=True,
            )


def _kept(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


async def _describe(conn: Connection, country: Reference) -> None:
    """The country as the reference data have it now."""
    await regions.put(conn, scope, country.regions, country.industries, country.tiers)
    await networks.put(conn, scope, country.networks, country.number_ranges)


async def _define(conn: Connection, built_in: tuple[DeviceProfile, ...]) -> list[DeviceProfile]:
    """The built-in profiles as they are defined now, with what this version adds to them."""
    known = {profile.code: profile for profile in await profiles.list_all(conn, scope)}
    defined = []
    for wanted in built_in:
        profile = known.get(wanted.code) or await profiles.define(conn, scope, wanted)
        names = {metric.name for metric in profile.metrics}
        for metric in wanted.metrics:
            if metric.name not in names:
                profile = await profiles.add_metric(conn, scope, wanted.code, metric)
        defined.append(profile)
    return defined


async def _offer(conn: Connection, country: Reference) -> None:
    """The packages to begin with, where they are not there yet."""
    known = {one.code for one in await packages.list_all(conn, scope, retired=True)}
    for package in country.packages:
        if package.code not in known:
            await packages.define(conn, scope, **asdict(package))


async def _customers(conn: Connection) -> list[str]:
    """The codes of the fleet's clients, those with the most to see first, or the demo client's."""
    listed = await group_clients.list_page(conn, scope, prefix=FLEET_CLIENTS, limit=1000)
    fleets = [c.code for c in listed.items if c.standing is Standing.CUSTOMER]
    return fleets or [DEMO_CLIENT]


async def _demonstrate(
    conn: Connection, country: Reference, kept: dict[str, str]
) -> dict[str, str]:
    """The demo terminal, which the simulator leaves alone, and its client."""
    city = next(region for region in country.regions if region.level is RegionLevel.CITY)
    try:
        await group_clients.find(conn, scope, DEMO_CLIENT)
    except GroupClientNotFound:
        await group_clients.register(
            conn,
            scope,
            code=DEMO_CLIENT,
            name="示例体验客户",
            region=city.code,
            industry=next(i.code for i in country.industries if i.code == "power"),
            tier=country.tiers[-1].code,
            file_state=FileState.VERIFIED,
            value_grade=ValueGrade.C,
        )
    try:
        await terminals.find(conn, scope, DEMO_TERMINAL)
        password = kept.get("password")
        if password is None:
            password = (await credentials.issue(conn, scope, DEMO_TERMINAL)).password
    except TerminalNotFound:
        registered = await terminals.register(
            conn,
            scope,
            code=TerminalCode.parse(DEMO_TERMINAL),
            profile=DEMO_PROFILE,
            region=city.code,
            group_client=DEMO_CLIENT,
            name="体验电表 Demo meter",
            state=TerminalState.IN_SERVICE,
        )
        password = registered.credential.password
    return {
        "code": DEMO_TERMINAL,
        "password": password,
        "profile": DEMO_PROFILE,
        "metric": DEMO_METRIC,
    }
