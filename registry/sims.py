"""SIMs, and which one is in which terminal from when to when."""

from datetime import datetime
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import group_clients, terminals
from registry.errors import MomentAhead, SimNotFound
from registry.identifiers import Eid, Iccid, Imsi, Msisdn
from registry.model import Installation, RegionCode, SetBy, Sim, SimState
from registry.scope import Right, Scope

sql = queries.load("registry")


async def register(
    conn: Connection,
    scope: Scope,
    *,
    iccid: Iccid,
    region: RegionCode,
    imsi: Imsi | None = None,
    msisdn: Msisdn | None = None,
    eid: Eid | None = None,
    state: SimState = SimState.INVENTORY,
    apn: str | None = None,
    plan: str | None = None,
    group_client: str | None = None,
) -> Sim:
    """Put a SIM on the roll; `group_client` is a code, None is the operator itself."""
    scope.require(Right.SIMS_REGISTER)
    owner = await group_clients.find(conn, scope, group_client) if group_client else None
    await conn.execute(
        sql.insert_sim,
        {
            "iccid": str(iccid),
            "imsi": imsi and str(imsi),
            "msisdn": msisdn and str(msisdn),
            "eid": eid and str(eid),
            "state": state,
            "apn": apn,
            "plan": plan,
            "group_client_id": owner.id if owner else None,
            "region": region,
        },
    )
    return await find(conn, scope, iccid)


async def find(conn: Connection, scope: Scope, iccid: Iccid) -> Sim:
    """The SIM with that ICCID; SimNotFound when there is none in scope."""
    scope.require(Right.SIMS_READ)
    cursor = await conn.execute(sql.find_sim, scope.parameters() | {"iccid": str(iccid)})
    row = await cursor.fetchone()
    if row is None:
        raise SimNotFound(f"There is no SIM {iccid}.")
    return _sim(row)


async def find_in(conn: Connection, scope: Scope, terminal: str) -> Sim | None:
    """The SIM that is in a terminal now, or None."""
    scope.require(Right.SIMS_READ)
    terminal_id = (await terminals.find(conn, scope, terminal)).id
    cursor = await conn.execute(sql.find_installed_sim, {"terminal_id": terminal_id})
    row = await cursor.fetchone()
    return await find(conn, scope, Iccid(row["iccid"])) if row else None


async def install(
    conn: Connection, scope: Scope, iccid: Iccid, terminal: str, *, at: datetime | None = None
) -> Installation:
    """Put on record that a SIM is in a terminal since `at` (now); refused where either is taken."""
    scope.require(Right.SIMS_INSTALL)
    sim = await find(conn, scope, iccid)
    terminal_id = (await terminals.find(conn, scope, terminal)).id
    opened = await conn.execute(
        sql.open_installation, {"sim_id": sim.id, "terminal_id": terminal_id, "at": at}
    )
    row = await opened.fetchone()
    if row is None:
        raise MomentAhead(field="at")
    return Installation(**row)


async def remove(
    conn: Connection, scope: Scope, iccid: Iccid, *, at: datetime | None = None
) -> Installation:
    """Put on record that a SIM is in no terminal since `at` (now)."""
    scope.require(Right.SIMS_INSTALL)
    sim = await find(conn, scope, iccid)
    ended = await conn.execute(sql.end_installation, {"sim_id": sim.id, "at": at})
    row = await ended.fetchone()
    if row is None:
        raise SimNotFound(f"The SIM {iccid} was in no terminal then.")
    return Installation(**row)


def _sim(row: dict[str, Any]) -> Sim:
    return Sim(
        **row
        | {
            "iccid": Iccid(row["iccid"]),
            "imsi": row["imsi"] and Imsi(row["imsi"]),
            "msisdn": row["msisdn"] and Msisdn(row["msisdn"]),
            "eid": row["eid"] and Eid(row["eid"]),
            "state": SimState(row["state"]),
            "set_by": SetBy(row["set_by"]),
            "intended": row["intended"] and SimState(row["intended"]),
        }
    )
