"""SIMs: put on the roll, changed, moved through their lives, and from terminal to terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack

from foundation import queries
from foundation.database import Connection
from registry import group_clients, keyset, networks, sim_life, terminals
from registry.errors import MomentAhead, SimNotFound
from registry.identifiers import Eid, Iccid, Imsi, Msisdn
from registry.model import GroupClientId, Installation, Page, RegionCode, SetBy, SimState
from registry.scope import Right, Scope
from registry.sim_errors import (
    PeriodOver,
    PeriodPast,
    SimIsInstalled,
    SimNotInstalled,
    SimOfAnotherNetwork,
    SimOfAnotherOwner,
    SimTwice,
)
from registry.sim_model import ActivationsAhead, Oddity, Placement, Sim, StateChange, Stay

sql = queries.load("registry", "sims.sql")

MOST_COUNTED = 10_000
MOST_ENDED = 1_000


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
    test_until: datetime | None = None,
    silent_until: datetime | None = None,
    group_client: str | None = None,
    foreign: bool = True,
) -> Sim:
    """Put a SIM on the roll; `group_client` is a code, None is the operator itself.

    SimOfAnotherNetwork where its IMSI is not at home and `foreign` ones are not taken.
    """
    scope.require(Right.SIMS_REGISTER)
    owner = await group_clients.find(conn, scope, group_client) if group_client else None
    _check_ahead(test_until=test_until, silent_until=silent_until)
    if not foreign:
        await _check_at_home(conn, scope, iccid, imsi)
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
            "test_until": test_until,
            "silent_until": silent_until,
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
    return of_row(row)


async def find_in(conn: Connection, scope: Scope, terminal: str) -> Sim | None:
    """The SIM that is in a terminal now, or None."""
    scope.require(Right.SIMS_READ)
    terminal_id = (await terminals.find(conn, scope, terminal)).id
    cursor = await conn.execute(sql.find_installed_sim, {"terminal_id": terminal_id})
    row = await cursor.fetchone()
    return await find(conn, scope, Iccid(row["iccid"])) if row else None


class Change(TypedDict, total=False):
    """What can be changed of a SIM; what is not named stays as it is."""

    imsi: Imsi | None
    msisdn: Msisdn | None
    eid: Eid | None
    apn: str | None
    plan: str | None
    test_until: datetime | None
    silent_until: datetime | None
    intended: SimState | None
    pending_job: str | None
    region: RegionCode
    group_client: str | None


async def change(
    conn: Connection,
    scope: Scope,
    iccid: Iccid,
    *,
    foreign: bool = True,
    **changed: Unpack[Change],
) -> Sim:
    """Change a SIM's numbers, service, periods, region or owner; its state is `move`'s.

    The end of a period lies ahead. Who is in a terminal belongs to the terminal's owner.
    """
    scope.require(Right.SIMS_CHANGE)
    sim = await _held(conn, scope, iccid)
    _check_ahead(test_until=changed.get("test_until"), silent_until=changed.get("silent_until"))
    if not foreign and changed.get("imsi") not in (None, sim.imsi):
        await _check_at_home(conn, scope, iccid, changed["imsi"])
    owner_id = sim.group_client_id
    if "group_client" in changed:
        code = changed["group_client"]
        owner = await group_clients.find(conn, scope, code) if code else None
        owner_id = owner.id if owner else None
        if owner_id != sim.group_client_id and sim.installed:
            raise SimIsInstalled
    columns = ("imsi", "msisdn", "eid", "apn", "plan", "test_until", "silent_until",
               "intended", "pending_job")  # fmt: skip
    wanted = {name: changed.get(name, getattr(sim, name)) for name in columns}
    wanted |= {name: wanted[name] and str(wanted[name]) for name in ("imsi", "msisdn", "eid")}
    wanted |= {"region_code": changed.get("region", sim.region_code)}
    wanted |= {"group_client_id": owner_id, "id": sim.id}
    await conn.execute(sql.change_sim, wanted)
    return await find(conn, scope, iccid)


async def move(
    conn: Connection, scope: Scope, iccid: Iccid, to: SimState, *, reason: str | None = None
) -> Sim:
    """Put a SIM into another state; TransitionRefused, with who may, where `sim_life` has no way.

    A SIM goes `transferring` with the state that it was in as the one that is intended.
    """
    scope.require(Right.SIMS_MOVE)
    sim, mover = await _held(conn, scope, iccid), sim_life.mover_of(scope)
    sim_life.check(sim.state, sim.set_by, to, mover, sim.intended)
    ends = {SimState.TESTING: sim.test_until, SimState.SILENT: sim.silent_until}.get(to)
    if ends is not None and ends <= datetime.now(UTC):
        raise PeriodOver(f"The {to} period of this SIM has ended before it begins.")
    intended = sim.state if to is SimState.TRANSFERRING else sim.intended
    await conn.execute(
        sql.move_sim,
        {
            "id": sim.id,
            "state": to,
            "reason": reason,
            "set_by": mover,
            "intended": None if intended is to else intended,
        },
    )
    return await find(conn, scope, iccid)


def moves_of(scope: Scope, sim: Sim) -> tuple[SimState, ...]:
    """Where whoever asks may take a SIM now."""
    if Right.SIMS_MOVE not in scope.rights:
        return ()
    return sim_life.moves(sim.state, sim.set_by, sim_life.mover_of(scope), sim.intended)


async def end_periods(conn: Connection, scope: Scope, most: int = MOST_ENDED) -> int:
    """Move on at most so many SIMs whose test or silent period is over; returns how many.

    As the system, and each once: whoever else does it at the same time takes other ones.
    """
    scope.require(Right.SIMS_MOVE)
    return (await conn.execute(sql.end_periods, {"rows": most})).rowcount


async def activations_ahead(
    conn: Connection,
    scope: Scope,
    days: int = 30,
    *,
    clients: Sequence[GroupClientId] | None = None,
) -> ActivationsAhead:
    """How many SIMs in scope, or of these clients, are put into use within so many days."""
    scope.require(Right.SIMS_READ)
    until = datetime.now(UTC) + timedelta(days=days)
    wanted = scope.parameters() | {"until": until, "rows": MOST_COUNTED + 1}
    wanted["clients"] = None if clients is None else list(clients)
    cursor = await conn.execute(sql.count_activations, wanted)
    counted = [(row["day"], row["sims"]) async for row in cursor]
    exact = sum(sims for _, sims in counted) <= MOST_COUNTED
    return ActivationsAhead(until, counted, exact)


async def oddities(conn: Connection, scope: Scope, sim: Sim) -> tuple[Oddity, ...]:
    """What is odd about a SIM's numbers."""
    scope.require(Right.SIMS_READ)
    [found] = await networks.oddities(conn, scope, [(sim.iccid, sim.imsi, sim.msisdn)])
    return found


async def list_states(
    conn: Connection, scope: Scope, iccid: Iccid, *, after: str | None = None, limit: int = 50
) -> Page[StateChange]:
    """One page of a SIM's states, newest first, as far as they are the scope's to see.

    Who it was by name is for those who read the audit.
    """
    scope.require(Right.SIMS_READ)
    before = None if after is None else keyset.number(after)
    wanted: dict[str, Any] = {"before": before, "rows": keyset.rows_asked_for(limit)}
    wanted |= {"sim_id": (await find(conn, scope, iccid)).id}
    cursor = await conn.execute(sql.list_state_changes, wanted | scope.parameters())
    rows = await cursor.fetchall()
    told = Right.AUDIT_READ in scope.rights

    def change(row: dict[str, Any]) -> StateChange:
        states = {name: SimState(row[name]) for name in ("from_state", "to_state")}
        actor = row["actor"] if told else None
        return StateChange(**row | states | {"set_by": SetBy(row["set_by"]), "actor": actor})

    return keyset.page(rows, limit, change, lambda row: str(row["id"]))


async def list_stays(
    conn: Connection, scope: Scope, iccid: Iccid, *, after: str | None = None, limit: int = 50
) -> Page[Stay]:
    """One page of the terminals that a SIM was in, newest first."""
    scope.require(Right.SIMS_READ)
    before = None if after is None else keyset.instant(after)
    wanted: dict[str, Any] = {"before": before, "rows": keyset.rows_asked_for(limit)}
    wanted |= {"sim_id": (await find(conn, scope, iccid)).id}
    cursor = await conn.execute(sql.list_installations, wanted | scope.parameters())
    rows = await cursor.fetchall()
    return keyset.page(
        rows, limit, lambda row: Stay(**row), lambda row: keyset.of_instant(row["valid_from"])
    )


async def install(
    conn: Connection, scope: Scope, iccid: Iccid, terminal: str, *, at: datetime | None = None
) -> Installation:
    """Put on record that a SIM is in a terminal since `at` (now); refused where either is taken."""
    scope.require(Right.SIMS_INSTALL)
    [installed] = await _open(conn, scope, [Placement(iccid, terminal)], at)
    return installed


async def place(
    conn: Connection, scope: Scope, placements: Sequence[Placement], *, at: datetime | None = None
) -> list[Installation]:
    """Put each SIM into its terminal at one moment, out of where it was: a swap, or a ring.

    All or none: refused where another SIM than these is in one of the terminals.
    """
    scope.require(Right.SIMS_INSTALL)
    return await _open(conn, scope, placements, at, moving=True)


async def remove(
    conn: Connection, scope: Scope, iccid: Iccid, *, at: datetime | None = None
) -> Installation:
    """Put on record that a SIM is in no terminal since `at` (now)."""
    scope.require(Right.SIMS_INSTALL)
    [sim_id] = await _hold(conn, scope, [iccid])
    ended = await conn.execute(
        sql.end_installations, {"sim_ids": [sim_id], "at": await _instant(conn, at)}
    )
    row = await ended.fetchone()
    if row is None:
        raise SimNotInstalled(f"The SIM {iccid} is in no terminal.")
    return Installation(**row)


async def _open(
    conn: Connection,
    scope: Scope,
    placements: Sequence[Placement],
    at: datetime | None,
    *,
    moving: bool = False,
) -> list[Installation]:
    iccids = [placement.iccid for placement in placements]
    codes = [placement.terminal for placement in placements]
    if len(set(iccids)) < len(iccids) or len(set(codes)) < len(codes):
        raise SimTwice
    sim_ids = await _hold(conn, scope, iccids)
    terminal_ids = [(await terminals.find(conn, scope, code)).id for code in codes]
    pairs: dict[str, Any] = {"sim_ids": sim_ids, "terminal_ids": terminal_ids}
    foreign = await (await conn.execute(sql.find_other_owners, pairs)).fetchone()
    if foreign is not None:
        raise SimOfAnotherOwner(f"{foreign['iccid']} belongs to another client than its terminal.")
    pairs["at"] = await _instant(conn, at)
    if moving:
        await conn.execute(sql.end_installations, pairs)
    opened = await conn.execute(sql.open_installations, pairs)
    installed = [Installation(**row) async for row in opened]
    await conn.execute(sql.adopt_sims, pairs)
    return installed


async def _hold(conn: Connection, scope: Scope, iccids: Sequence[Iccid]) -> list[int]:
    """The numbers of these SIMs, held until the end of the transaction, in their order."""
    wanted = scope.parameters() | {"iccids": [str(iccid) for iccid in iccids]}
    ids = {r["iccid"]: r["id"] async for r in await conn.execute(sql.hold_sims, wanted)}
    for iccid in iccids:
        if str(iccid) not in ids:
            raise SimNotFound(f"There is no SIM {iccid}.")
    return [ids[str(iccid)] for iccid in iccids]


async def _held(conn: Connection, scope: Scope, iccid: Iccid) -> Sim:
    """A SIM as it is, and stays until the end of the transaction."""
    await _hold(conn, scope, [iccid])
    return await find(conn, scope, iccid)


async def _instant(conn: Connection, at: datetime | None) -> datetime:
    row = await (await conn.execute(sql.installation_time, {"at": at})).fetchone()
    if row is None or row["ahead"]:
        raise MomentAhead(field="at")
    instant: datetime = row["at"]
    return instant


async def _check_at_home(conn: Connection, scope: Scope, iccid: Iccid, imsi: Imsi | None) -> None:
    [odd] = await networks.oddities(conn, scope, [(iccid, imsi, None)])
    if {Oddity.IMSI_OTHER_OPERATOR, Oddity.IMSI_UNKNOWN_NETWORK} & set(odd):
        raise SimOfAnotherNetwork


def _check_ahead(**ends: datetime | None) -> None:
    now = datetime.now(UTC)
    for field, end in ends.items():
        if end is not None and end <= now:
            raise PeriodPast(field=field)


def of_row(row: dict[str, Any]) -> Sim:
    """The SIM that a row of `registry.sim_card` is."""
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
