"""What terminals say of themselves, judged by the database; held against a model of brute force."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Pool, open_pool, transaction
from registry import bindings, sims
from registry.bindings import Mode, Rule, Verdict, Violation
from registry.identifiers import Iccid, Imsi
from telemetry import identities
from telemetry.identities import Word
from telemetry.model import Event, Identity
from tests.conftest import Database
from tests.country import JIANGSU, everything, register, settled

IMEIS = ("490154203237518", "490154203237526", "356938035643809")
CARDS = ("89860012345678901234", "89860012345678901242", "89860112345678901231")
IMSIS = ("460040123456789", "460040123456780", "460010123456789")
RIVAL = IMSIS[2]
HOUR = timedelta(hours=1)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Meters m-1 and m-2, two SIMs of ours, the first in m-1, the networks, and no hardware."""
    async with settled(database) as opened:
        await register(opened, "m-1", "m-2")
        async with transaction(opened, everything.settings()) as conn:
            for card, imsi in zip(CARDS[:2], IMSIS[:2], strict=True):
                await sims.register(
                    conn, everything, iccid=Iccid(card), imsi=Imsi(imsi), region=JIANGSU
                )
        with psycopg.connect(database.superuser, autocommit=True) as plain:
            plain.execute(
                "insert into registry.network (prefix, operator, title_zh, title_en, home) values"
                " ('46004', 'home', '', '', true), ('46001', 'rival', '', '', false)"
                " on conflict do nothing"
            )
        yield opened


@pytest.fixture
async def bridge(pool: Pool, database: Database) -> AsyncIterator[Pool]:
    """Connections as a bridge makes them."""
    async with await open_pool(database.bridge, name="bridge", max_size=2) as opened:
        yield opened


@dataclass
class Said:
    """What a terminal said last, in the model."""

    imei: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    said_at: int = -1
    heard_at: int = -1


@dataclass
class Model:
    """Brute force: everything that was ever said, looked through each time."""

    rules: dict[int, Rule] = field(default_factory=dict)
    firsts: dict[int, str] = field(default_factory=dict)
    installed: dict[int, tuple[int, int]] = field(default_factory=dict)  # SIM: terminal, since
    said: dict[int, Said] = field(default_factory=dict)

    def hear(self, terminal: int, at: int, who: Identity, starts: bool) -> None:
        before = self.said.setdefault(terminal, Said())
        now = replace(
            before,
            imei=who.imei or before.imei,
            iccid=who.iccid or before.iccid,
            imsi=who.imsi or before.imsi,
            heard_at=at,
        )
        changed = (now.imei, now.iccid, now.imsi) != (before.imei, before.iccid, before.imsi)
        if starts or changed or before.heard_at < 0:
            now.said_at = at
        self.said[terminal] = now

    def judge(self, sim: int) -> tuple[Verdict | None, Violation | None]:
        rule = self.rules[sim]
        if rule.mode is Mode.OFF:
            return None, None
        place, since = self.installed.get(sim, (-1, 0))
        witnesses = [
            (said.said_at, terminal, said)
            for terminal, said in self.said.items()
            if said.iccid == CARDS[sim]
            or (said.iccid is None and said.imsi == IMSIS[sim])
            or (
                terminal == place
                and said.heard_at >= since
                and (said.imei or said.iccid or said.imsi)
            )
        ]
        if not witnesses:
            return Verdict.UNPROVEN, None
        _, terminal, said = max(witnesses, key=lambda w: w[:2])
        home = any(t == terminal and s == sim for s, (t, _) in self.installed.items())
        unnamed = said.iccid is None and said.imsi is None
        named = said.iccid == CARDS[sim] or (said.iccid is None and said.imsi == IMSIS[sim])
        allowed = {
            Mode.FIRST_SEEN: said.imei == self.firsts.get(sim, said.imei),
            Mode.TAC: (said.imei or "")[:8] in rule.tacs,
        }.get(rule.mode, said.imei in rule.imeis)
        if home and said.imsi == RIVAL:
            return Verdict.VIOLATED, Violation.RIVAL_SIM
        if (named or (home and unnamed)) and said.imei is not None and not allowed:
            return Verdict.VIOLATED, Violation.SEPARATION
        if home and (said.iccid not in (None, CARDS[sim]) or said.imsi not in (None, IMSIS[sim])):
            return Verdict.VIOLATED, Violation.SIM_CHANGED
        if not named or said.imei is None:
            return Verdict.UNPROVEN, None
        if rule.mode is Mode.FIRST_SEEN:
            self.firsts.setdefault(sim, said.imei)
        return Verdict.OK, None


NOW = datetime.now(UTC).replace(microsecond=0)


def word(
    terminal_id: int, at: int, who: Identity, *, starts: bool = False, again: bool = False
) -> Word:
    """What was said so many seconds after a day ago."""
    us = int((NOW - 24 * HOUR).timestamp()) * 1_000_000 + at * 1_000_000
    return Word(terminal_id, us, us, who, starts, again)


async def heard(bridge: Pool, *words: Word) -> list[Event]:
    async with transaction(bridge) as conn:
        return await identities.hear(conn, words)


def kinds(events: list[Event]) -> list[str]:
    return sorted(event.code.removeprefix("identity.") for event in events)


async def found(pool: Pool, card: str) -> bindings.Binding:
    async with transaction(pool, everything.settings()) as conn:
        binding = await bindings.find(conn, everything, Iccid(card))
    assert binding is not None
    return binding


async def bind(pool: Pool, card: str, rule: Rule) -> None:
    async with transaction(pool, everything.settings()) as conn:
        await bindings.put(conn, everything, Iccid(card), rule)


_WHO = st.builds(
    Identity,
    imei=st.sampled_from([None, *IMEIS]),
    iccid=st.sampled_from([None, *CARDS]),
    imsi=st.sampled_from([None, *IMSIS]),
)
_RULE = st.sampled_from(
    [
        Rule(Mode.OFF),
        Rule(Mode.FIRST_SEEN),
        Rule(Mode.EXACT, IMEIS[:1]),
        Rule(Mode.IMEI_LIST, (IMEIS[0], IMEIS[2])),
        Rule(Mode.TAC, tacs=(IMEIS[0][:8],)),
    ]
)
_STEP = st.one_of(
    st.tuples(st.just("say"), st.integers(0, 1), _WHO, st.booleans()),
    st.tuples(st.just("say"), st.integers(0, 1), _WHO, st.booleans()),
    st.tuples(st.just("bind"), st.integers(0, 1), _RULE, st.none()),
    st.tuples(st.just("move"), st.integers(0, 1), st.integers(0, 1), st.none()),
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(_STEP, max_size=14))
async def test_the_verdict_is_the_models(
    pool: Pool, bridge: Pool, database: Database, steps: list[tuple[str, int, object, bool | None]]
) -> None:
    """Random timelines of words, rules and moved SIMs: after each step both say the same."""
    with psycopg.connect(database.superuser, autocommit=True) as plain:
        plain.execute(
            "set session_replication_role = replica; truncate telemetry.identity;"
            " truncate registry.binding_request, registry.binding, registry.installation;"
            " set session_replication_role = origin"
        )
        ids = [
            r[0] for r in plain.execute("select id from registry.terminal order by code").fetchall()
        ]
    model = Model()
    for at, (what, which, about, starts) in enumerate(steps, 1):
        if what == "say":
            assert isinstance(about, Identity)
            if about == Identity():
                continue
            await heard(bridge, word(ids[which], at, about, starts=bool(starts)))
            model.hear(which, at, about, bool(starts))
        elif what == "bind":
            assert isinstance(about, Rule)
            await bind(pool, CARDS[which], about)
            model.rules[which] = about
            model.firsts.pop(which, None)
        else:
            assert isinstance(about, int)
            moment = NOW - 24 * HOUR + timedelta(seconds=at)
            async with transaction(pool, everything.settings()) as conn:
                for sim, (terminal, _) in list(model.installed.items()):
                    if sim == which or terminal == about:
                        await sims.remove(conn, everything, Iccid(CARDS[sim]), at=moment)
                        del model.installed[sim]
                code = ("m-1", "m-2")[about]
                await sims.install(conn, everything, Iccid(CARDS[which]), code, at=moment)
            model.installed[which] = (about, at)
        for sim in model.rules:
            binding = await found(pool, CARDS[sim])
            assert (binding.verdict, binding.violation) == model.judge(sim), (at, sim)
            assert binding.first_imei == model.firsts.get(sim)
