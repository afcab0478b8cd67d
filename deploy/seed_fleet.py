"""The demo fleet: planned by `reference.fleet`, put on the roll, written out for the simulator."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from deploy import seed_sims, seed_transfers
from deploy.reference import Reference
from deploy.reference.clients import Story
from deploy.reference.fleet import Fleet, FleetClient, FleetTerminal
from deploy.simulator import fleet as simulated
from deploy.simulator.curves.vehicle_tracker import REPLAYS
from deploy.simulator.fleet import FleetMissing, Identity, Member
from foundation.database import Connection
from registry import bindings, credentials, enrolment, group_clients
from registry.bindings import Mode, Rule
from registry.enrolment import Draft, InstalledSim
from registry.errors import GroupClientNotFound, TerminalNotFound
from registry.model import DeviceProfile, GroupClientId
from registry.scope import Scope

FLEET_FILE = "fleet.jsonl"
_AT_ONCE = 2_000
_VEHICLE = "vehicle_tracker"
_BOUND = frozenset({Story.SEPARATED, Story.RIVAL})  # whose SIMs show what a binding is for


def write(home: Path, members: Iterable[Member]) -> None:
    """Give the simulator its fleet."""
    simulated.write(home / FLEET_FILE, members)


async def enrol(
    conn: Connection,
    scope: Scope,
    home: Path,
    country: Reference,
    profiles: Sequence[DeviceProfile],
    wanted: int,
) -> list[Member]:
    """See to it that `wanted` simulated terminals are on the roll.

    Those of an earlier start stay, the first ones first; more come from a plan of the new size.
    """
    if not wanted:
        return []
    kept = await _kept(conn, scope, home)
    # A plan of another size has some codes and numbers in common with what is there: plan for more.
    plan = Fleet(country, profiles, terminals=wanted + 2 * len(kept))
    members = list(kept.values())[:wanted]
    if len(members) < wanted:
        client_ids = await _register_clients(conn, scope, plan.clients)
        kinds = {profile.code: profile for profile in profiles}
        planned = (t for t in plan.terminals() if str(t.code) not in kept)
        writer = _Enroller(conn, scope, kinds, client_ids)
        while len(members) < wanted and (part := list(islice(planned, _AT_ONCE))):
            members += await writer.enrol(part, wanted - len(members))
    return _with_replays(members)


async def _kept(conn: Connection, scope: Scope, home: Path) -> dict[str, Member]:
    """The fleet of an earlier start, as far as it is still on the roll."""
    try:
        members = simulated.read(home / FLEET_FILE)
    except FleetMissing:
        return {}
    there: frozenset[str] = frozenset()
    for part in _parts(members):
        there |= await enrolment.list_known(conn, scope, [member.code for member in part])
    return {member.code: member for member in members if member.code in there}


async def _register_clients(
    conn: Connection, scope: Scope, clients: Iterable[FleetClient]
) -> dict[str, GroupClientId]:
    ids = {}
    for client in clients:
        try:
            found = await group_clients.find(conn, scope, client.code)
        except GroupClientNotFound:
            found = await group_clients.register(
                conn,
                scope,
                code=client.code,
                name=client.name,
                region=client.region_code,
                industry=client.industry_code,
                tier=client.tier_code,
                parent=client.parent_code,
                file_state=client.file_state,
                standing=client.standing,
                value_grade=client.value_grade,
                watched=client.watched,
            )
        ids[client.code] = found.id
    return ids


class _Enroller:
    """Puts planned terminals on the roll, each with its story."""

    def __init__(
        self,
        conn: Connection,
        scope: Scope,
        kinds: dict[str, DeviceProfile],
        client_ids: dict[str, GroupClientId],
    ) -> None:
        self._conn = conn
        self._scope = scope
        self._kinds = kinds
        self._client_ids = client_ids

    async def enrol(self, planned: Sequence[FleetTerminal], most: int) -> list[Member]:
        """The members for at most `most` of the planned terminals; what collides is left out."""
        drafts = {str(terminal.code): self._draft(terminal) for terminal in planned}
        taken = await enrolment.list_taken(self._conn, self._scope, list(drafts.values()))
        members: list[Member] = []
        fresh: list[FleetTerminal] = []
        for terminal in planned:
            code = str(terminal.code)
            if len(members) == most:
                break
            if code not in taken:
                fresh.append(terminal)
                members.append(self._member(terminal, drafts[code].secret))
            elif secret := await self._issued(code):
                members.append(self._member(terminal, secret))
        await enrolment.enrol(self._conn, self._scope, (drafts[str(t.code)] for t in fresh))
        for terminal in fresh:
            if terminal.story in _BOUND:
                rule = Rule(Mode.EXACT, (str(terminal.imei),))
                await bindings.put(self._conn, self._scope, terminal.iccid, rule)
        handed: dict[str, str] = {}
        for terminal in fresh:
            if terminal.previous_client_code is not None:
                handed |= await seed_transfers.yesterday(
                    self._conn, self._scope, str(terminal.code), terminal.client_code
                )
        return [
            member.model_copy(update={"password": handed.get(member.code, member.password)})
            for member in members
        ]

    async def _issued(self, code: str) -> str | None:
        """A new credential in place of one that was lost with the fleet file."""
        try:
            return (await credentials.issue(self._conn, self._scope, code)).password
        except TerminalNotFound:
            return None  # only its IMEI or SIM is on the roll, in another terminal

    def _draft(self, terminal: FleetTerminal) -> Draft:
        return Draft(
            code=terminal.code,
            name=terminal.name,
            profile_id=self._kinds[terminal.profile_code].id,
            region_code=terminal.region_code,
            group_client_id=self._client_ids[terminal.previous_client_code or terminal.client_code],
            state=terminal.state,
            imei=terminal.imei,
            sim=InstalledSim(
                terminal.iccid,
                terminal.imsi,
                terminal.msisdn,
                apn=seed_sims.APN,
                plan=seed_sims.PLANS[terminal.profile_code == _VEHICLE],
            ),
        )

    def _member(self, terminal: FleetTerminal, secret: str) -> Member:
        profile = self._kinds[terminal.profile_code]
        return Member(
            code=str(terminal.code),
            password=secret,
            profile=profile.code,
            metrics=tuple(metric for metric in profile.metrics if not metric.hidden),
            interval_seconds=profile.expected_interval_seconds,
            story=terminal.story,
            identity=Identity(
                imei=str(terminal.imei), iccid=str(terminal.iccid), imsi=str(terminal.imsi)
            ),
        )


def _with_replays(members: Sequence[Member]) -> list[Member]:
    """Let the first vehicles drive the recorded tracks, one each."""
    driven = {member.replay for member in members}
    tracks = iter([track for track in REPLAYS if track not in driven])
    return [
        member.model_copy(update={"replay": next(tracks, None)})
        if member.profile == _VEHICLE and member.story is None and member.replay is None
        else member
        for member in members
    ]


def _parts(members: Sequence[Member]) -> Iterator[list[Member]]:
    rest = iter(members)
    while part := list(islice(rest, _AT_ONCE)):
        yield part
