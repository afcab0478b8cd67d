"""Terminals that say who they are, on the roll with modem and SIM; what is found about them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from stdnum import luhn

from foundation.database import Pool, transaction
from registry import bindings, enrolment, profiles
from registry.bindings import BindingAction, Mode, Rule, Verdict, Violation
from registry.enrolment import Draft, InstalledSim
from registry.identifiers import Iccid, Imei, Imsi, TerminalCode
from registry.model import TerminalState
from tests.broker_bridge.running import read
from tests.conftest import Database, TestBroker
from tests.country import JIANGSU, everything, settled

TAC, OTHER_TAC = "49015420", "35693803"
HOME, RIVAL = "46004", "46001"
Said = dict[str, str]
Found = tuple[Verdict | None, Violation | None]

OK: Found = (Verdict.OK, None)
UNPROVEN: Found = (Verdict.UNPROVEN, None)
APART: Found = (Verdict.VIOLATED, Violation.SEPARATION)
SWAPPED: Found = (Verdict.VIOLATED, Violation.SIM_CHANGED)
BY_A_RIVAL: Found = (Verdict.VIOLATED, Violation.RIVAL_SIM)
OFF: Found = (None, None)


@dataclass(frozen=True)
class Meter:
    """The number of a terminal, from which all its numbers come."""

    n: int

    @property
    def code(self) -> str:
        return f"M-{self.n}"

    @property
    def iccid(self) -> str:
        return f"898604000000000{self.n:05}"

    @property
    def truth(self) -> Said:
        return {"imei": self.imei(), "iccid": self.iccid, "imsi": self.imsi(), "boot": "b1"}

    def imei(self, tac: str = TAC, serial: int = 0) -> str:
        body = f"{tac}{self.n + serial:06}"
        return body + luhn.calc_check_digit(body)

    def imsi(self, network: str = HOME) -> str:
        return f"{network}{self.n:010}"

    def rule(self, mode: Mode, action: BindingAction = BindingAction.EVENT) -> Rule:
        """The rule of that mode that this terminal obeys while it tells the truth."""
        imeis: dict[Mode, tuple[str, ...]] = {
            Mode.EXACT: (self.imei(),),
            Mode.IMEI_LIST: (self.imei(), self.imei(OTHER_TAC)),
        }
        return Rule(mode, imeis.get(mode, ()), (TAC,) if mode is Mode.TAC else (), action)

    def other_type(self) -> Said:
        return self.truth | {"imei": self.imei(OTHER_TAC)}


@asynccontextmanager
async def at_home(database: Database) -> AsyncIterator[Pool]:
    """The small country, and whose networks are at home and whose a rival's."""
    async with settled(database) as opened:
        with psycopg.connect(database.superuser, autocommit=True) as plain:
            plain.execute(
                "insert into registry.network (prefix, operator, title_zh, title_en, home)"
                " values (%s, 'home', '', '', true), (%s, 'rival', '', '', false)",
                (HOME, RIVAL),
            )
        yield opened


async def enrol(pool: Pool, broker: TestBroker, meters: Iterable[Meter]) -> None:
    """Put terminals on the roll, each with its modem and its SIM, and let the broker admit them."""
    chosen = list(meters)
    broker.admit(*(meter.code for meter in chosen))
    async with transaction(pool, everything.settings()) as conn:
        profile = await profiles.find(conn, everything, "meter")
        drafts = [
            Draft(
                code=TerminalCode(meter.code),
                profile_id=profile.id,
                region_code=JIANGSU,
                group_client_id=None,
                state=TerminalState.IN_SERVICE,
                imei=Imei(meter.imei()),
                sim=InstalledSim(Iccid(meter.iccid), Imsi(meter.imsi()), None),
            )
            for meter in chosen
        ]
        await enrolment.enrol(conn, everything, drafts)


async def bind(pool: Pool, meter: Meter, rule: Rule) -> None:
    async with transaction(pool, everything.settings()) as conn:
        await bindings.put(conn, everything, Iccid(meter.iccid), rule)


async def verdict(pool: Pool, meter: Meter) -> Found:
    async with transaction(pool, everything.settings()) as conn:
        found = await bindings.find(conn, everything, Iccid(meter.iccid))
    assert found is not None
    return found.verdict, found.violation


def told(database: Database) -> dict[str, list[str]]:
    """Of each terminal what was told about its identity, in order."""
    found = read(
        database,
        "select t.code as terminal, e.code from telemetry.event e"
        " join registry.terminal t on t.id = e.terminal_id where e.code like 'identity.%%'"
        " order by e.time, e.code",
    )
    kinds: dict[str, list[str]] = {}
    for row in found:
        kinds.setdefault(row["terminal"], []).append(row["code"].removeprefix("identity."))
    return kinds
