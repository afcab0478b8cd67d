"""SIM binding in the message path, with a real broker and a real database: what is said, and told.

What becomes of a terminal and its messages by the action of its rule, and what is nobody's to say.
"""

import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import psycopg
import pytest
from stdnum import luhn

from foundation.database import Pool, transaction
from registry import bindings, enrolment, profiles
from registry.bindings import Action, Mode, Rule, Verdict, Violation
from registry.enrolment import Draft, InstalledSim
from registry.identifiers import Iccid, Imei, Imsi, TerminalCode
from registry.model import TerminalState
from tests.broker_bridge.running import SECONDS, Bridge, Publisher, now_ms, read
from tests.conftest import Database, TestBroker
from tests.country import JIANGSU, everything, settled

TAC, OTHER_TAC = "49015420", "35693803"
HOME = "46004"
Said = dict[str, str]
Found = tuple[Verdict | None, Violation | None]


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

    def imei(self, tac: str = TAC) -> str:
        body = f"{tac}{self.n:06}"
        return body + luhn.calc_check_digit(body)

    def imsi(self) -> str:
        return f"{HOME}{self.n:010}"

    def rule(self, mode: Mode, action: Action = Action.EVENT) -> Rule:
        """The rule of that mode that this terminal obeys while it tells the truth."""
        imeis: dict[Mode, tuple[str, ...]] = {
            Mode.EXACT: (self.imei(),),
            Mode.IMEI_LIST: (self.imei(), self.imei(OTHER_TAC)),
        }
        return Rule(mode, imeis.get(mode, ()), (TAC,) if mode is Mode.TAC else (), action)

    def other_type(self) -> Said:
        return self.truth | {"imei": self.imei(OTHER_TAC)}


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country, and whose networks are at home."""
    async with settled(database) as opened:
        with psycopg.connect(database.superuser, autocommit=True) as plain:
            plain.execute(
                "insert into registry.network (prefix, operator, title_zh, title_en, home)"
                " values (%s, 'home', '', '', true)",
                (HOME,),
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


_OK: Found = (Verdict.OK, None)
_UNPROVEN: Found = (Verdict.UNPROVEN, None)
_APART: Found = (Verdict.VIOLATED, Violation.SEPARATION)


async def test_what_becomes_of_a_violation_is_the_rules_action(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """By `log` a line, by `event` an event; `isolate` stops the readings, `refuse` the message.

    Who identifies itself beside its values is held against its rule in the same batch.
    """
    meters = {action: Meter(k) for k, action in enumerate(Action, 1)}
    await enrol(pool, broker, meters.values())
    for action, meter in meters.items():
        await bind(pool, meter, meter.rule(Mode.EXACT, action))
    base = now_ms() - 3_600_000
    sent = 0
    with Bridge(database, broker).ready() as bridge:
        for meter in meters.values():
            with Publisher(broker, meter.code) as speaker:
                who = {k: v for k, v in meter.other_type().items() if k != "boot"}
                speaker.say({"ts": base, **who, "values": {"voltage_a": 230.0}})
            sent += 1
        bridge.settle(sent)
        assert {await verdict(pool, meter) for meter in meters.values()} == {_APART}
        assert told(database) == {
            meter.code: ["separation"] for action, meter in meters.items() if action != "log"
        }
        isolated = meters[Action.ISOLATE]
        deadline = time.monotonic() + SECONDS
        with Publisher(broker, isolated.code) as speaker:
            while bridge.fates().get("not_in_service", 0) == 0:  # within a second
                assert time.monotonic() < deadline
                sent += 1
                speaker.say({"ts": base + sent, "voltage_a": 231.0})
                bridge.settle(sent)
        with Publisher(broker, meters[Action.REFUSE].code) as speaker:
            speaker.say({"ts": base + 1, "voltage_a": 231.0})
            speaker.say(meters[Action.REFUSE].truth, channel="hello")
        bridge.settle(sent + 2)
        fates, log = bridge.fates(), bridge.said()
    assert (fates["wrong_identity"], fates["not_in_service"]) == (1, 1)
    assert log.count("finding=separation") + log.count('"finding": "separation"') == 1
    states = read(
        database,
        "select code, state, state_reason from registry.terminal where state <> 'in_service'",
    )
    assert states == [
        {"code": isolated.code, "state": "isolated", "state_reason": "identity.separation"}
    ]
    stored = read(
        database,
        "select t.code, count(*) as n from telemetry.meter m join registry.terminal t"
        " on t.id = m.terminal_id where m.voltage_a = 230 group by 1",
    )
    assert {row["code"] for row in stored} == {
        meter.code for action, meter in meters.items() if action is not Action.REFUSE
    }
    assert await verdict(pool, meters[Action.REFUSE]) == _OK


async def test_one_credential_in_two_places(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Two boots of one code that take turns are told once; a new boot each time is a poor modem."""
    shared, restless = Meter(1), Meter(2)
    await enrol(pool, broker, [shared, restless])
    with Bridge(database, broker).ready() as bridge:
        with Publisher(broker, shared.code) as speaker:
            for boot in "abababab":
                speaker.say({"boot": boot}, channel="hello")
        with Publisher(broker, restless.code) as speaker:
            for boot in "abcdefgh":
                speaker.say({"boot": boot}, channel="hello")
        bridge.settle(16)
    assert told(database) == {shared.code: ["credential_shared"]}


async def test_no_terminal_speaks_in_the_platforms_name(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """An event with a code of ours is refused, and a number that is none is refused alone."""
    meter = Meter(1)
    await enrol(pool, broker, [meter])
    await bind(pool, meter, meter.rule(Mode.EXACT))
    with Bridge(database, broker).ready() as bridge:
        with Publisher(broker, meter.code) as speaker:
            speaker.say({"code": "identity.restored"}, channel="event")
            speaker.say(meter.truth | {"imei": meter.imei()[:-1] + "x"}, channel="hello")
        bridge.settle(2)
        assert bridge.fates() == {"malformed": 2}
    assert told(database) == {}
    assert await verdict(pool, meter) == _UNPROVEN
