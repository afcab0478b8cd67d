"""A transfer at any instant, or several, through every door: neither side sees the other's time.

The doors are the route table's: every GET that `declared` has a line for, and a route without a
line fails `test_matrix`. A line that names a kind of thing this test does not know fails here.
"""

import base64
import itertools
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Connection, open_pool, transaction
from registry import api_keys, due_transfers, sims, terminals, transfers, users
from registry.identifiers import Iccid, TerminalCode
from registry.model import TerminalState
from registry.scope import Role
from registry.transfer_model import Offer, Side
from tests.api import (
    asked,
    declared,
    declared_alarms,
    declared_bindings,
    declared_kept,
    declared_measured,
    declared_prometheus,
    declared_serving,
)
from tests.api.asked import Door
from tests.api.asks import OPEN, Ask
from tests.api.conftest import asking
from tests.api.declared import ROUTES
from tests.api.parted import Caller
from tests.api.test_sign_in import sign_in
from tests.api.world import PASSWORD, POWER, SUZHOU, SYSTEM, TRANSIT, World, minutes_ago
from tests.telemetry.rolling import roll_all

DOORS = [ask for ask in ROUTES if ask.method == "GET"]
# Kinds that have nothing to do with one terminal: what `declared` names of them is asked for.
ASIDE = (
    declared.TIER,
    declared.USER,
    declared.KEY,
    declared.REPLAY,
    declared.COLLECTION,
    declared.IMPORT,
    declared.JOB,
    declared.CERTIFICATE_OF_AWAY,
    declared_bindings.REQUEST,
    declared_measured.EXPORT,
    declared_serving.PACKAGE,
    declared_alarms.RULE,
    declared_alarms.CHANNEL,
    declared_alarms.DELIVERY,
    declared_prometheus.HANDOUT,
    declared_kept.HOLD,
    declared_alarms.WINDOW,
)
# Within the windows that the doors are asked for, which `declared` fixed when it was imported.
NOW = minutes_ago(0)
LONG_AGO = 3 * 24 * 60  # minutes

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened at the terminal in one owner's time, in words of its own."""

    owner: str
    at: datetime
    number: int

    @property
    def volts(self) -> float:
        """So many digits that none is part of another, and no mean of some is another's value."""
        drawn = sha256(str(self.number).encode()).digest()
        return 181 + int.from_bytes(drawn[:5], "big") / 2**40

    @property
    def count(self) -> int:
        return 7_000_001 + 2 * self.number

    def text(self, what: str) -> str:
        return f"{what}-{self.number}-"

    @property
    def measured(self) -> set[str]:
        """What a series, and the list of events, show of it."""
        return {str(self.volts), self.text("event")}

    @property
    def words(self) -> set[str]:
        """All that would tell of it."""
        payload = self.text("payload").encode()
        return self.measured | {
            *map(
                self.text,
                ("name", "tag", "reason", "detail", "payload", "topic", "missing", "given"),
            ),
            base64.b64encode(payload).decode(),
            str(self.count),
            f"{self.count:,}",
        }


@dataclass(slots=True)
class Story:
    """A terminal, its owners' moments, and the numbers of all that names it."""

    code: str
    card: Iccid
    moments: list[Moment] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    deals: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sides:
    """The two owners' administrators, who see the most of their clients', and the door they use."""

    door: Door
    callers: Mapping[str, Caller]


@pytest.fixture
async def sides(house: World, app: FastAPI) -> Sides:
    """An administrator of each client, signed in and with a key."""
    callers, cookies = {}, {}
    async with await open_pool(house.database.owner, name="sides", max_size=1) as pool:
        for client in (POWER, TRANSIT):
            name = f"head.{client}"
            given: dict[str, Any] = {"role": Role.CLIENT_ADMIN, "group_clients": [client]}
            async with transaction(pool, SYSTEM.settings()) as conn:
                await users.appoint(conn, SYSTEM, name=name, password=PASSWORD, **given)
                key = await api_keys.issue(conn, SYSTEM, name=name, **given)
            callers[client] = Caller(name, Role.CLIENT_ADMIN, client, key.secret)
    for caller in callers.values():
        async with asking(app) as visitor:
            await sign_in(visitor, caller.name)
            cookies[caller.name] = visitor.cookies["muster_session"]
    return Sides(Door(app, cookies, []), callers)


@pytest.fixture
async def registrar(house: World) -> AsyncIterator[Connection]:
    """A connection that puts on record what operator and jobs do; each statement by itself."""
    async with (
        await open_pool(house.database.owner, name="registrar", max_size=1) as pool,
        pool.connection() as conn,
    ):
        await conn.set_autocommit(True)
        yield conn


async def _lived(
    conn: Connection, house: World, cuts: Sequence[int], offsets: Sequence[int]
) -> Story:
    """A terminal that went to and fro, `cuts` minutes ago, and spoke all the time."""
    number = next(_numbers)
    code = f"GOES-{number}"
    story = Story(code, Iccid.parse(f"898604251020995{number:05d}"))
    async with conn.transaction():
        await _as_system(conn)
        await terminals.register(
            conn, SYSTEM, code=TerminalCode(code), profile="smart_meter", region=SUZHOU,
            group_client=POWER, state=TerminalState.IN_SERVICE,
        )  # fmt: skip
        await sims.register(conn, SYSTEM, iccid=story.card, region=SUZHOU, group_client=POWER)
        await sims.install(conn, SYSTEM, story.card, code)
    edges = [NOW - timedelta(minutes=ago) for ago in (LONG_AGO, *cuts, 0)]
    for k, (begin, end) in enumerate(itertools.pairwise(edges)):
        owner = (POWER, TRANSIT)[k % 2]
        if k:
            await _go(conn, code, owner, begin)
        last = timedelta(milliseconds=1)
        span = end - begin
        times = {begin, end - last, *(begin + span * offset / 100 for offset in offsets)}
        mine = [Moment(owner, _whole(at), next(_numbers)) for at in sorted(times)]
        named = mine[0]
        await conn.execute(
            "update registry.sim set reason = %s where iccid = %s",
            (named.text("reason"), str(story.card)),
        )
        await conn.execute(
            "update registry.terminal set name = %s, tags = %s where code = %s",
            (named.text("name"), [named.text("tag")], code),
        )
        story.moments += mine
    with psycopg.connect(house.database.superuser, autocommit=True) as plain:
        story.items = [_speak(plain, code, moment) for moment in story.moments]
        deals = plain.execute(_DEALS.encode(), (code,)).fetchall()
        entries = plain.execute(_ENTRIES.encode(), (code,)).fetchall()
        alarms = plain.execute(_ALARMS.encode(), (code,)).fetchall()
    await roll_all(house.database, NOW)
    story.deals = [str(row[0]) for row in deals]
    story.entries = [str(row[0]) for row in entries]
    story.alarms = [str(row[0]) for row in alarms]
    return story


async def _as_system(conn: Connection) -> None:
    """Let the transaction be one of our own processes'."""
    for name, value in SYSTEM.settings().items():
        await conn.execute("select set_config(%s, %s, true)", (name, value))


async def _go(conn: Connection, code: str, owner: str, at: datetime) -> None:
    async with conn.transaction():
        await _as_system(conn)
        offer = Offer(
            codes=[code], to_client=owner, effective_at=at,
            evidence=dict.fromkeys(Side, "paper"),
        )  # fmt: skip
        await transfers.propose(conn, SYSTEM, offer)
        assert await due_transfers.execute_next(conn, SYSTEM)


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _speak(plain: psycopg.Connection[tuple[object, ...]], code: str, moment: Moment) -> str:
    """A moment as bridge and jobs keep it, everywhere; the number of its refused message."""
    given = {
        "code": code, "at": moment.at, "volts": moment.volts, "count": moment.count,
        "event": moment.text("event"), "detail": moment.text("detail"),
        "payload": moment.text("payload").encode(), "topic": moment.text("topic"),
        "missing": moment.text("missing"), "given": moment.text("given"), "number": moment.number,
        # Every other one is of a reading that came too late to be its owner's.
        "reason": ("out_of_range", "other_owner")[moment.number % 2],
    }  # fmt: skip
    for statement in _KEPT:
        plain.execute(statement.encode(), given)
    [row] = plain.execute(_REFUSED.encode(), given).fetchall()
    return str(row[0])


_DEALS = "select distinct transfer_id from registry.transfer_terminal where terminal_code = %s"
_ENTRIES = """select distinct on (tenant, action) id from registry.audit where %s = any (keys)
    order by tenant, action, id desc"""
_ALARMS = """select a.id from telemetry.alarm a join registry.terminal t on t.id = a.terminal_id
    where t.code = %s"""
_TERMINAL = "(select id from registry.terminal where code = %(code)s)"
_KEPT = (
    f"""insert into telemetry.smart_meter (time, terminal_id, delay_seconds, voltage_a)
    values (%(at)s, {_TERMINAL}, 0, %(volts)s) on conflict do nothing""",
    f"""insert into telemetry.latest (terminal_id, metric, time, number)
    values ({_TERMINAL}, 'voltage_a', %(at)s, %(volts)s) on conflict (terminal_id, metric)
    do update set time = excluded.time, number = excluded.number""",
    f"""insert into telemetry.event (time, terminal_id, delay_seconds, code, text, digest)
    values (%(at)s, {_TERMINAL}, 0, 'tick', %(event)s, %(number)s)""",
    f"""insert into telemetry.presence_change values (%(at)s, {_TERMINAL}, 'data', true)
    on conflict do nothing""",
    f"""insert into telemetry.presence (terminal_id, data_at) values ({_TERMINAL}, %(at)s)
    on conflict (terminal_id) do update set data_at = excluded.data_at""",
    f"""insert into telemetry.gap
    (kind, bridge, terminal_id, begins_at, ends_at, boot, first_seq, last_seq)
    values ('given_up', 'bridge-1', {_TERMINAL}, %(at)s, %(at)s, %(given)s, 1, 1)""",
    f"""insert into telemetry.alarm (rule_version, rule_name, terminal_id, group_client_id,
    region_code, severity, raised_at, last_at)
    select 1, %(given)s, o.terminal_id, o.group_client_id, t.region_code, 'major', %(at)s, %(at)s
    from registry.ownership o join registry.terminal t on t.id = o.terminal_id
    where o.terminal_id = {_TERMINAL} and o.valid_from <= %(at)s
        and coalesce(o.valid_to, 'infinity') > %(at)s""",
    f"insert into telemetry.receipt values ({_TERMINAL}, %(missing)s, '{{[2,2]}}', %(at)s)",
    f"""insert into telemetry.completeness
    select %(at)s::date, {_TERMINAL}, o.valid_from, %(count)s, %(count)s, 0, 0, 0, 1
    from registry.ownership o where o.terminal_id = {_TERMINAL}
        and o.valid_from <= %(at)s and coalesce(o.valid_to, 'infinity') > %(at)s
    on conflict (terminal_id, day, owned_since) do nothing""",
    f"""insert into telemetry.quarantine_fault values (%(at)s::date, {_TERMINAL}, 'clock', %(at)s,
    %(at)s, %(count)s, 9, 1, 1, %(topic)s, %(detail)s)
    on conflict (terminal_id, day, reason) do update set last_at = excluded.last_at,
    messages = excluded.messages, topic = excluded.topic, detail = excluded.detail""",
)
_REFUSED = f"""insert into telemetry.quarantine (received_at, last_received_at, bridge, topic,
    terminal_id, reason, detail, payload, payload_bytes, digest)
    values (%(at)s, %(at)s, 'bridge-1', %(topic)s, {_TERMINAL}, %(reason)s, %(detail)s,
        %(payload)s, 9, sha256(%(payload)s)) returning id"""

_ROLLED = re.compile('"resolution":"(?:hourly|daily|mixed)"')


def named(ask: Ask, story: Story) -> Sequence[str | None]:
    """What to ask a door about: all there is of the kind that has to do with the terminal."""
    known: dict[str, Sequence[str | None]] = {
        declared.NOTHING.name: [None],
        declared.TERMINAL.name: [story.code],
        declared.MOMENT.name: [story.code],
        declared.FILE.name: [POWER, TRANSIT],
        declared.ITEM.name: story.items,
        declared.SIM.name: [str(story.card)],
        declared.TRANSFER.name: story.deals,
        declared.ENTRY.name: story.entries,
        declared_alarms.ALARM.name: story.alarms,
        declared.PROFILE.name: ["smart_meter"],
        declared.REGION.name: [str(SUZHOU)],
    }
    known |= {kind.name: list(kind.things)[:1] for kind in ASIDE}
    assert ask.names.name in known, f"Say in this test what of a terminal is a {ask.names.name}."
    return known[ask.names.name]


def stands(word: str, told: str) -> bool:
    """Whether it is told; a count by itself, and not among the digits of a time or a duration."""
    if word.isdecimal():
        return re.search(rf"(?<![\d.]){word}(?!\d)", told) is not None
    return word in told


@pytest.mark.timeout(900)  # hundreds of requests an example
@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(2, LONG_AGO - 2), min_size=1, max_size=3, unique=True),
    offsets=st.lists(st.integers(1, 98), min_size=1, max_size=2, unique=True),
)
async def test_neither_side_sees_the_others_time(
    house: World, sides: Sides, registrar: Connection, cuts: list[int], offsets: list[int]
) -> None:
    """Through no door, in either direction, however often the terminal went to and fro."""
    story = await _lived(registrar, house, sorted(cuts, reverse=True), offsets)

    for client, caller in sides.callers.items():
        mine = {w for m in story.moments if m.owner == client for w in m.words}
        measured = {w for m in story.moments if m.owner == client for w in m.measured}
        others = {w for m in story.moments if m.owner != client for w in m.words}
        seen: set[str] = set()
        rolled = 0
        for ask in DOORS:
            for name in named(ask, story):
                answer, request = await asked._ask(
                    sides.door, ask, caller, name, by_session=ask.is_page
                )
                told = answer.text + str(answer.headers)
                leaked = {word for word in others if stands(word, told) and word not in request}
                assert not leaked, f"{client} meets {leaked} at {request}, after {cuts}"
                assert answer.status_code < 500 or ask.needs == OPEN, request
                seen |= {word for word in mine if word in told}
                rolled += len(_ROLLED.findall(told))
        assert measured <= seen, f"{client} misses {measured - seen}, after {cuts}"
        assert rolled, "no door read roll-ups"
