"""Why is a terminal silent? One verdict, with the facts that led to it.

The first cause that is there is the verdict: what would keep any message away comes before what
would only keep some away, and what is on record before what is a guess. What the asker may not see
(SIMs, the quarantine) is no evidence, and is told to be missing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from foundation import queries
from foundation.database import Connection
from registry import bindings, certificates, credentials, refused_logins, sims, terminals
from registry.bindings import Binding, Violation
from registry.credentials import Standing
from registry.model import SimState, Terminal, TerminalState
from registry.refused_logins import Refused
from registry.scope import Right, Scope
from registry.sim_model import Sim
from telemetry import identities, presence, reader
from telemetry.identities import Heard
from telemetry.model import (
    Clock,
    DataState,
    PauseNow,
    Presence,
    QuarantineItem,
    Reason,
    Search,
    SessionState,
)

sql = queries.load("telemetry", "diagnosis.sql")

_DEAF = timedelta(minutes=3)  # behind: what comes is not taken in, or nobody looks at it
_LATELY = timedelta(hours=1)
_CARRIES_NOTHING = frozenset(
    {SimState.INVENTORY, SimState.SUSPENDED, SimState.PRE_CANCELLED, SimState.CANCELLED}
)


class Cause(StrEnum):
    """Why nothing, or not all, comes of a terminal."""

    WELL = "well"
    RETIRED = "retired"
    ONLY_REGISTERED = "only_registered"
    ISOLATED = "isolated"
    PLATFORM_FAULT = "platform_fault"
    MAINTENANCE = "maintenance"
    PAUSED = "paused"
    NOT_COUNTED = "not_counted"
    SIM_CARRIES_NOTHING = "sim_carries_nothing"
    SIM_PERIOD_OVER = "sim_period_over"
    RIVAL_SIM = "rival_sim"
    SEPARATION = "separation"
    CLOCK_WRONG = "clock_wrong"
    MESSAGES_REFUSED = "messages_refused"
    PARTLY_REFUSED = "partly_refused"
    WRONG_APN = "wrong_apn"
    CREDENTIAL_REFUSED = "credential_refused"
    REGIONAL_OUTAGE = "regional_outage"
    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_REPLACED = "credential_replaced"
    NEVER_CONNECTED = "never_connected"
    SESSION_WITHOUT_DATA = "session_without_data"
    SESSION_LOST = "session_lost"
    SILENT = "silent"


class Fact(StrEnum):
    """What a piece of evidence is about."""

    STATE = "state"
    LISTENING = "listening"
    LAST_DATA = "last_data"
    SESSION = "session"
    PAUSE = "pause"
    SIM_STATE = "sim_state"
    SIM_PERIOD = "sim_period"
    BINDING = "binding"
    APN = "apn"
    APN_HEARD = "apn_heard"
    REFUSED = "refused"
    CREDENTIAL = "credential"
    CREDENTIAL_REFUSED = "credential_refused"
    TIMES_REFUSED = "times_refused"
    STORM = "storm"
    WINDOW = "window"
    NOT_YOURS = "not_yours"
    """What the asker may not see, and so was not looked at."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact: what it says (a state, a name, a number; None is that there is none) and since."""

    fact: Fact
    value: str | None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What the alarms know: a maintenance window, and the storm that the terminal is part of."""

    in_window: bool = False
    window_since: datetime | None = None
    shared: str | None = None
    shared_key: str | None = None
    storm_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that a verdict stands on; `refused` is what was refused last, and lately.

    `certificate` is whether one is in force; `login` is how the broker did not let it in, where the
    broker asks us. What may not be seen is in `unseen`.
    """

    now: datetime
    terminal: Terminal
    presence: Presence
    clock: Clock
    credential: Standing
    certificate: bool
    pauses: Sequence[PauseNow] = ()
    sim: Sim | None = None
    binding: Binding | None = None
    heard: Heard | None = None
    refused: QuarantineItem | None = None
    login: Refused | None = None
    told: Told = Told()
    unseen: Sequence[Right] = ()

    @property
    def password_since(self) -> datetime | None:
        """Since when its password is in force; None where none is."""
        return None if self.credential.revoked_at else self.credential.issued_at


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The verdict on a terminal, since when it holds as far as is known, and its evidence."""

    verdict: Cause
    since: datetime | None
    evidence: Sequence[Evidence]
    as_of: datetime


async def diagnose(conn: Connection, scope: Scope, code: str) -> Diagnosis:
    """Why a terminal in scope is silent, or that it is not."""
    scope.require(Right.TELEMETRY_READ)
    return judged(await look(conn, scope, code))


async def look(conn: Connection, scope: Scope, code: str) -> Known:
    """Everything that the scope may know of why a terminal is silent."""
    scope.require(Right.TELEMETRY_READ)
    terminal = await terminals.find(conn, scope, code)
    known = (await presence.of(conn, scope, [terminal.id]))[terminal.id]
    sim = heard = binding = refused = None
    if Right.SIMS_READ in scope.rights:
        sim = await sims.find_in(conn, scope, code)
        heard = await identities.find(conn, scope, code)
        binding = await bindings.find(conn, scope, sim.iccid) if sim else None
    if Right.QUARANTINE_READ in scope.rights:
        page = await reader.list_quarantine(conn, scope, Search(terminal=code), limit=1)
        refused = next((item for item in page.items if _is_late(item, known)), None)
    issued = await certificates.list_of(conn, scope, code)
    now = datetime.now(UTC)
    return Known(
        now=now,
        terminal=terminal,
        presence=known,
        clock=await presence.clock(conn, scope),
        credential=await credentials.find(conn, scope, code),
        certificate=any(c.revoked_at is None and c.not_after > now for c in issued.items),
        pauses=await presence.list_pauses(conn, scope, terminal.id),
        sim=sim,
        binding=binding,
        heard=heard,
        refused=refused,
        login=await refused_logins.find(conn, scope, terminal.id),
        told=await _told(conn, terminal.id),
        unseen=[r for r in (Right.SIMS_READ, Right.QUARANTINE_READ) if r not in scope.rights],
    )


def judged(known: Known) -> Diagnosis:
    """The verdict on what is known; no I/O."""
    verdict, since = next(_causes(known))
    return Diagnosis(verdict, since, list(_evidence(known)), known.now)


def _is_late(item: QuarantineItem, known: Presence) -> bool:
    """Whether it was refused after the last data, or within the last hour."""
    since = datetime.now(UTC) - _LATELY
    return item.last_received_at >= min(since, known.data_at or since)


async def _told(conn: Connection, terminal_id: int) -> Told:
    row = await (await conn.execute(sql.look_at_alarms, {"id": terminal_id})).fetchone()
    assert row is not None
    return Told(**row)


def _causes(known: Known) -> Iterator[tuple[Cause, datetime | None]]:
    """Every cause that is there, the one that counts first; the last is always there."""
    terminal, present = known.terminal, known.presence
    if (by_state := _BY_STATE.get(terminal.state)) is not None:
        yield by_state, terminal.state_since
    if present.data is DataState.ONLINE:
        if known.refused is not None:
            yield Cause.PARTLY_REFUSED, known.refused.received_at
        yield (Cause.WELL if terminal.state.counts_in_rates else Cause.NOT_COUNTED), None
    as_of = known.clock.as_of
    if as_of is None or known.now - as_of > _DEAF:
        yield Cause.PLATFORM_FAULT, as_of
    if terminal.state is TerminalState.MAINTENANCE:
        yield Cause.MAINTENANCE, terminal.state_since
    if known.told.in_window:
        yield Cause.MAINTENANCE, known.told.window_since
    if known.pauses:
        yield Cause.PAUSED, known.pauses[0].since
    yield from _causes_of_sim(known)
    if known.refused is not None:
        wrong_clock = known.refused.reason is Reason.CLOCK
        refused = Cause.CLOCK_WRONG if wrong_clock else Cause.MESSAGES_REFUSED
        yield refused, known.refused.received_at
    if known.login is not None and _is_refused_since(known, known.login):
        yield from _causes_of_credential(known)
        yield Cause.CREDENTIAL_REFUSED, known.login.first_at
    if known.told.shared is not None:
        yield Cause.REGIONAL_OUTAGE, known.told.storm_since
    yield from _causes_of_session(known)
    yield Cause.SILENT, present.silent_since


_BY_STATE = {
    TerminalState.RETIRED: Cause.RETIRED,
    TerminalState.REGISTERED: Cause.ONLY_REGISTERED,
    TerminalState.ISOLATED: Cause.ISOLATED,
}
_BY_VIOLATION = {
    Violation.RIVAL_SIM: Cause.RIVAL_SIM,
    Violation.SEPARATION: Cause.SEPARATION,
    Violation.SIM_CHANGED: Cause.SEPARATION,
}


def _causes_of_sim(known: Known) -> Iterator[tuple[Cause, datetime | None]]:
    sim, binding = known.sim, known.binding
    if sim is None:
        return
    if sim.state in _CARRIES_NOTHING:
        yield Cause.SIM_CARRIES_NOTHING, sim.since
    if sim.period_until is not None and sim.period_until <= known.now:
        yield Cause.SIM_PERIOD_OVER, sim.period_until
    if binding is not None and binding.violation is not None:
        yield _BY_VIOLATION[binding.violation], binding.verdict_since
    said = known.heard.identity.apn if known.heard else None
    if said is not None and sim.apn is not None and said.lower() != sim.apn.lower():
        assert known.heard is not None
        yield Cause.WRONG_APN, known.heard.heard_at


def _causes_of_session(known: Known) -> Iterator[tuple[Cause, datetime | None]]:
    present = known.presence
    if present.session is SessionState.ONLINE:
        yield Cause.SESSION_WITHOUT_DATA, present.silent_since or present.session_since
        return
    yield from _causes_of_credential(known)
    last_sign = _last_sign(known)
    if last_sign is None:
        yield Cause.NEVER_CONNECTED, None
    elif known.password_since is not None and known.password_since > last_sign:
        yield Cause.CREDENTIAL_REPLACED, known.password_since
    if present.session is SessionState.OFFLINE:
        yield Cause.SESSION_LOST, present.session_since


def _causes_of_credential(known: Known) -> Iterator[tuple[Cause, datetime | None]]:
    if known.password_since is None and not known.certificate:
        yield Cause.CREDENTIAL_MISSING, known.credential.revoked_at


def _last_sign(known: Known) -> datetime | None:
    """When it was heard last, or lost its session."""
    said = known.presence.data_at, known.presence.session_since
    return max(filter(None, said), default=None)


def _is_refused_since(known: Known, login: Refused) -> bool:
    """Whether somebody in its name was not let in after it was heard, with what holds now."""
    if known.presence.session is SessionState.ONLINE:
        return False
    before = filter(None, (_last_sign(known), known.password_since))
    return all(login.last_at > at for at in before)


def _evidence(known: Known) -> Iterator[Evidence]:
    """All facts, in the order in which people look at them."""
    terminal, present, credential = known.terminal, known.presence, known.credential
    yield Evidence(Fact.STATE, terminal.state.value, terminal.state_since)
    yield Evidence(Fact.LISTENING, None, known.clock.as_of)
    yield Evidence(Fact.LAST_DATA, present.data.value, present.data_at)
    yield Evidence(Fact.SESSION, present.session.value, present.session_since)
    for pause in known.pauses:
        yield Evidence(Fact.PAUSE, pause.reason, pause.since)
    if known.sim is not None:
        yield Evidence(Fact.SIM_STATE, known.sim.state.value, known.sim.since)
        if known.sim.period_until is not None:
            yield Evidence(Fact.SIM_PERIOD, None, known.sim.period_until)
        if known.binding is not None and known.binding.verdict is not None:
            rule = known.binding
            yield Evidence(Fact.BINDING, rule.violation or rule.verdict, rule.verdict_since)
        yield Evidence(Fact.APN, known.sim.apn)
    elif Right.SIMS_READ not in known.unseen:
        yield Evidence(Fact.SIM_STATE, None)
    if known.heard is not None:
        yield Evidence(Fact.APN_HEARD, known.heard.identity.apn, known.heard.heard_at)
    if known.refused is not None:
        yield Evidence(Fact.REFUSED, known.refused.reason.value, known.refused.last_received_at)
    word = "certificate" if known.certificate else None
    if credential.issued_at is not None:
        word = "password" if credential.revoked_at is None else word or "revoked"
    yield Evidence(Fact.CREDENTIAL, word, credential.revoked_at or credential.issued_at)
    if known.login is not None:
        yield Evidence(Fact.CREDENTIAL_REFUSED, known.login.why.value, known.login.last_at)
        yield Evidence(Fact.TIMES_REFUSED, str(known.login.count), known.login.first_at)
    if known.told.in_window:
        yield Evidence(Fact.WINDOW, None, known.told.window_since)
    if known.told.shared is not None:
        told = f"{known.told.shared} {known.told.shared_key}"
        yield Evidence(Fact.STORM, told, known.told.storm_since)
    for right in known.unseen:
        yield Evidence(Fact.NOT_YOURS, right.value)
