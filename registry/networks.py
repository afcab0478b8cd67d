"""Whose numbers are whose: networks by MCC and MNC, ranges of MSISDNs, and what is odd by them.

Reference data, the same for everybody. Where a deployment has none, nothing is odd.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from foundation import queries
from foundation.database import Connection
from registry.identifiers import Iccid, Imsi, Msisdn
from registry.scope import Right, Scope
from registry.sim_model import Oddity

sql = queries.load("registry", "networks.sql")


class Network(Protocol):
    """Whose subscriptions begin with `prefix`; `home` is the operator that runs Muster."""

    @property
    def prefix(self) -> str: ...
    @property
    def operator(self) -> str: ...
    @property
    def title_zh(self) -> str: ...
    @property
    def title_en(self) -> str: ...
    @property
    def home(self) -> bool: ...


class NumberRange(Protocol):
    """Who issued the numbers of `digits` digits that begin with `prefix`."""

    @property
    def prefix(self) -> str: ...
    @property
    def digits(self) -> int: ...
    @property
    def operator(self) -> str: ...


async def put(
    conn: Connection, scope: Scope, networks: Iterable[Network], ranges: Iterable[NumberRange]
) -> None:
    """Take over a country's networks and ranges; what is there already is brought up."""
    scope.require(Right.REGIONS_DEFINE)
    networks, ranges = list(networks), list(ranges)
    await conn.execute(
        sql.put_networks,
        {
            "prefixes": [network.prefix for network in networks],
            "operators": [network.operator for network in networks],
            "titles_zh": [network.title_zh for network in networks],
            "titles_en": [network.title_en for network in networks],
            "homes": [network.home for network in networks],
        },
    )
    await conn.execute(
        sql.put_number_ranges,
        {
            "prefixes": [known.prefix for known in ranges],
            "digits": [known.digits for known in ranges],
            "operators": [known.operator for known in ranges],
        },
    )


Numbers = tuple[Iccid, Imsi | None, Msisdn | None]


async def oddities(
    conn: Connection, scope: Scope, numbers: Sequence[Numbers]
) -> list[tuple[Oddity, ...]]:
    """What is odd about the numbers of each of these SIMs, in their order."""
    scope.require(Right.SIMS_READ)
    cursor = await conn.execute(
        sql.find_homes,
        {
            "imsis": [imsi and str(imsi) for _, imsi, _ in numbers],
            "msisdns": [msisdn and str(msisdn) for _, _, msisdn in numbers],
        },
    )
    homes = await cursor.fetchall()
    return [
        (
            *_of_iccid(iccid),
            *(_of_imsi(home["imsi_home"]) if imsi and home["networks_known"] else ()),
            *(_of_msisdn(home["msisdn_home"]) if msisdn and home["ranges_known"] else ()),
        )
        for (iccid, imsi, msisdn), home in zip(numbers, homes, strict=True)
    ]


def _of_iccid(iccid: Iccid) -> tuple[Oddity, ...]:
    if not iccid.warnings:
        return ()
    return (Oddity.ICCID_CHECK_DIGIT if iccid.text.isdigit() else Oddity.ICCID_LETTERS,)


def _of_imsi(home: bool | None) -> tuple[Oddity, ...]:
    if home is None:
        return (Oddity.IMSI_UNKNOWN_NETWORK,)
    return () if home else (Oddity.IMSI_OTHER_OPERATOR,)


def _of_msisdn(home: bool | None) -> tuple[Oddity, ...]:
    if home is None:
        return (Oddity.MSISDN_UNKNOWN_RANGE,)
    return () if home else (Oddity.MSISDN_OTHER_OPERATOR,)
