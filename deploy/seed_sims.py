"""SIMs of the demonstration that are in no terminal: a stock, periods that end, every state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from deploy.reference import Reference, numbering
from deploy.reference.fleet import DEMO_SEED
from foundation.database import Connection
from registry import group_clients, sims
from registry.errors import SimNotFound
from registry.model import RegionLevel, SetBy, SimState
from registry.scope import Role, Scope

APN = "m2m.example"
PLANS = ("m2m-30m", "m2m-100m")
_FIRST = 500_000_000  # beyond the numbers of the largest fleet
_S = SimState


@dataclass(frozen=True, slots=True)
class _Told:
    """A SIM to tell of: how many days its periods last, where it went, and who took it there."""

    state: SimState
    test_days: int | None = None
    silent_days: int | None = None
    then: tuple[tuple[SimState, str | None, SetBy], ...] = ()
    of_client: bool = True


_STORIES = (
    *(_Told(_S.INVENTORY, of_client=False) for _ in range(12)),
    *(_Told(_S.TESTING, test_days=days) for days in (4, 11, 25)),
    *(_Told(_S.TESTING, test_days=days, silent_days=days + 90) for days in (7, 60)),
    *(_Told(_S.SILENT, silent_days=days) for days in (2, 9, 9, 28, 170)),
    _Told(_S.ACTIVE, then=((_S.SUSPENDED, "lost on a building site", SetBy.CLIENT),)),
    _Told(_S.ACTIVE, then=((_S.SUSPENDED, "the invoice is overdue", SetBy.OPERATOR),)),
    _Told(_S.ACTIVE, then=((_S.SUSPENDED, "far more traffic than its plan", SetBy.SYSTEM),)),
    _Told(_S.INVENTORY, then=((_S.TRANSFERRING, None, SetBy.OPERATOR),)),
    _Told(_S.ACTIVE, then=((_S.PRE_CANCELLED, "the contract ends", SetBy.OPERATOR),)),
    _Told(_S.ACTIVE, then=((_S.PRE_CANCELLED, "the card is broken", SetBy.OPERATOR),
                           (_S.CANCELLED, None, SetBy.OPERATOR))),
)  # fmt: skip


async def stock(
    conn: Connection, scope: Scope, country: Reference, customers: Sequence[str]
) -> None:
    """See to it that the SIMs of the stories are on the roll; what is there stays as it is."""
    network = next(n for n in country.networks if n.home and n.use == "m2m")
    numbers = next(
        r for r in country.number_ranges if r.use == "m2m" and r.operator == network.operator
    )
    cities = [region.code for region in country.regions if region.level is RegionLevel.CITY]
    clients = [await group_clients.find(conn, scope, code) for code in customers]
    operator = replace(scope, actor="user:operator")
    now = datetime.now(UTC)
    for k, told in enumerate(_STORIES):
        client = clients[k % len(clients)]
        iccid = numbering.iccid(_FIRST + k, network, DEMO_SEED)
        try:
            await sims.find(conn, scope, iccid)
            continue
        except SimNotFound:
            pass
        await sims.register(
            conn,
            scope,
            iccid=iccid,
            imsi=numbering.imsi(_FIRST + k, network, DEMO_SEED),
            msisdn=numbering.msisdn(_FIRST + k, numbers, DEMO_SEED),
            region=client.region_code
            if told.of_client and client.region_code in cities
            else cities[0],
            group_client=client.code if told.of_client else None,
            state=told.state,
            apn=APN,
            plan=PLANS[k % len(PLANS)],
            test_until=now + timedelta(days=told.test_days) if told.test_days else None,
            silent_until=now + timedelta(days=told.silent_days) if told.silent_days else None,
        )
        own = Scope.of_role("user:client", Role.CLIENT_ADMIN, group_clients=frozenset({client.id}))
        movers = {SetBy.CLIENT: own, SetBy.OPERATOR: operator, SetBy.SYSTEM: scope}
        for state, reason, mover in told.then:
            await sims.move(conn, movers[mover], iccid, state, reason=reason)
