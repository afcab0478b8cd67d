"""Putting terminals on the roll, one or three million: the same few statements, a set at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from foundation import queries
from foundation.database import Connection
from registry.credentials import random_secret, verifier
from registry.identifiers import Iccid, Imei, Imsi, Msisdn, TerminalCode
from registry.model import GroupClientId, ProfileId, RegionCode, TerminalState
from registry.scope import Right, Scope

sql = queries.load("registry", "enrolment.sql")

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class InstalledSim:
    """The SIM that comes with a terminal."""

    iccid: Iccid
    imsi: Imsi | None = None
    msisdn: Msisdn | None = None
    apn: str | None = None
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A terminal to put on the roll, with the `secret` it will sign in with."""

    code: TerminalCode
    profile_id: ProfileId
    region_code: RegionCode
    group_client_id: GroupClientId | None = None
    name: str | None = None
    state: TerminalState = TerminalState.REGISTERED
    imei: Imei | None = None
    sim: InstalledSim | None = None
    secret: str = field(default_factory=random_secret, repr=False)


async def enrol(conn: Connection, scope: Scope, drafts: Iterable[Draft]) -> int:
    """Register all drafts or, in the caller's transaction, none; returns how many.

    Reads `drafts` a few thousand at a time, so that their number does not matter.
    """
    scope.require(Right.TERMINALS_REGISTER)
    count = 0
    rest = iter(drafts)
    while part := list(islice(rest, ROWS_AT_ONCE)):
        ids = await _insert_terminals(conn, part)
        if any(draft.sim for draft in part):
            scope.require(Right.SIMS_INSTALL)
            await _insert_sims(conn, part, ids)
        count += len(part)
    return count


async def list_known(conn: Connection, scope: Scope, codes: Sequence[str]) -> frozenset[str]:
    """Those of the codes that are on the roll, as far as seen."""
    scope.require(Right.TERMINALS_READ)
    cursor = await conn.execute(sql.find_known, {"codes": list(codes)})
    return frozenset([row["code"] async for row in cursor])


async def list_taken(conn: Connection, scope: Scope, drafts: Sequence[Draft]) -> frozenset[str]:
    """The codes of those drafts whose code, IMEI or ICCID is on the roll, as far as seen."""
    scope.require(Right.TERMINALS_REGISTER)
    cursor = await conn.execute(
        sql.find_taken,
        {
            "codes": [str(draft.code) for draft in drafts],
            "imeis": [draft.imei and str(draft.imei) for draft in drafts],
            "iccids": [draft.sim and str(draft.sim.iccid) for draft in drafts],
        },
    )
    return frozenset([row["code"] async for row in cursor])


async def _insert_terminals(conn: Connection, drafts: Sequence[Draft]) -> list[int]:
    """The ids of the new terminals, in the order of their drafts."""
    codes = [str(draft.code) for draft in drafts]
    owners = [draft.group_client_id for draft in drafts]
    profile_ids = [draft.profile_id for draft in drafts]
    inserted = await conn.execute(
        sql.insert_terminals,
        {
            "codes": codes,
            "names": [draft.name for draft in drafts],
            "states": [draft.state.value for draft in drafts],
            "profile_ids": profile_ids,
            "group_client_ids": owners,
            "region_codes": [draft.region_code for draft in drafts],
        },
    )
    id_of = {row["code"]: row["id"] async for row in inserted}
    ids = [id_of[code] for code in codes]
    await conn.execute(
        sql.insert_ownerships, {"ids": ids, "codes": codes, "group_client_ids": owners}
    )
    await conn.execute(sql.insert_profile_intervals, {"ids": ids, "profile_ids": profile_ids})
    await conn.execute(
        sql.insert_credentials, {"ids": ids, "verifiers": [verifier(d.secret) for d in drafts]}
    )
    imeis = [draft.imei and str(draft.imei) for draft in drafts]
    await conn.execute(sql.insert_hardware, {"ids": ids, "imeis": imeis})
    return ids


async def _insert_sims(conn: Connection, drafts: Sequence[Draft], ids: Sequence[int]) -> None:
    fitted = [(d, d.sim, i) for d, i in zip(drafts, ids, strict=True) if d.sim is not None]
    iccids = [str(sim.iccid) for _, sim, _ in fitted]
    inserted = await conn.execute(
        sql.insert_sims,
        {
            "iccids": iccids,
            "imsis": [sim.imsi and str(sim.imsi) for _, sim, _ in fitted],
            "msisdns": [sim.msisdn and str(sim.msisdn) for _, sim, _ in fitted],
            "apns": [sim.apn for _, sim, _ in fitted],
            "plans": [sim.plan for _, sim, _ in fitted],
            "group_client_ids": [draft.group_client_id for draft, _, _ in fitted],
            "region_codes": [draft.region_code for draft, _, _ in fitted],
        },
    )
    id_of = {row["iccid"]: row["id"] async for row in inserted}
    await conn.execute(
        sql.insert_installations,
        {"sim_ids": [id_of[iccid] for iccid in iccids], "ids": [i for _, _, i in fitted]},
    )
