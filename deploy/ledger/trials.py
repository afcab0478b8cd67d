"""Faults with a promise of their own: judged while they strike, and not only by the books.

Like `faults`, one function a fault.
"""

import time
from collections.abc import Callable
from random import Random

from deploy.embedded.processes import wait_until
from deploy.ledger.ground import Ground
from deploy.ledger.script import PROFILE
from deploy.ledger.visitor import Visit

_STORES = f'copy telemetry."{PROFILE}"'.encode()
_AT_ONCE = 5000
_QUIET_SECONDS = 2.0
_POLL_SECONDS = 0.2
_ACKNOWLEDGED_SECONDS = 1.0
_SETTLED_SECONDS = 120.0
_FLOOD_MESSAGES = 60_000
_MOST_QUEUED = 20_000
_LARGE_BYTES = 30_000
_BROKER_BYTES = 64_000_000
_MOST_LARGE = 2 * _BROKER_BYTES // _LARGE_BYTES
_JUMPS_SECONDS = (3600, -3600, 86_400, -86_400)
_JUMP_LASTS_SECONDS = 12.0  # the broker tells its uptime each 10 seconds
_CUT_SECONDS = 5
_OUT_SECONDS = 5.0
_BACK_SECONDS = 60.0


class NeverStruck(Exception):
    """A fault that waits for its moment did not find it."""


class Broken(Exception):
    """A promise that holds while this fault lasts, or right after, did not."""


def f5_bridge_away_beyond_the_queue(ground: Ground, chance: Random) -> None:
    """Until the broker throws away what its queue does not hold: as many as it then declares."""
    before, dropped = _accounted(ground), _dropped(ground)
    with ground.without_bridge():
        visit = ground.visitor.send(2 * (ground.broker_queue or _MOST_QUEUED))
    if not wait_until(lambda: _dropped(ground) > dropped, _SETTLED_SECONDS):
        raise Broken("nothing is on record of what the broker threw away")
    # The broker tells it each 10 seconds, and a long burst in several portions.
    _expect_books_of(ground, visit, before, lambda: _dropped(ground) - dropped)


def f8_packet_ids_given_anew(ground: Ground, chance: Random) -> None:
    """A broker back from an old save gives the ids of what we hold to other messages.

    Then the bridge dies: what it has not stored must still be there. Batches are held one by one
    on their way to the database, so that it holds some of either and stores only the first.
    """
    before, way = _accounted(ground), ground.to_database
    with ground.without_bridge(MUSTER_DATABASE_PATIENCE_SECONDS="600"):
        pass
    if not wait_until(ground.is_ready, _SETTLED_SECONDS):
        raise NeverStruck
    try:
        way.hold_at(_STORES)
        early = ground.visitor.send(1)
        _expect_held(ground, 1)
        _save(ground)
        first = ground.visitor.send(_AT_ONCE)
        _expect_quiet(ground)
        way.let_one_go()
        _expect_held(ground, 2)
        ground.broker.kill()
        ground.broker.start()
        second = ground.visitor.send(_AT_ONCE)
        _expect_quiet(ground)
        way.let_one_go()
        _expect_held(ground, 3)
        time.sleep(_ACKNOWLEDGED_SECONDS)
    finally:
        ground.kill_bridge()
        way.hold_at(None)
        ground.broker.change(autosave_interval="5")
        ground.start_bridge()
    visits = early, first, second
    sent, acknowledged = sum(v.sent for v in visits), sum(v.acknowledged for v in visits)
    _expect_books_of(ground, Visit(sent, acknowledged), before)


def f11_memory_of_the_broker_full(ground: Ground, chance: Random) -> None:
    """It cuts who publishes, rather than acknowledge what it has no room for; nobody fetches it."""
    before = _accounted(ground)
    with ground.without_bridge():
        ground.broker.change(memory_limit=str(_BROKER_BYTES))
        visit = ground.visitor.send(_MOST_LARGE, size=_LARGE_BYTES)
        ground.broker.change(memory_limit="0")
    if visit.acknowledged == _MOST_LARGE:
        raise NeverStruck
    _expect_books_of(ground, visit, before)


def f27_clock_of_the_server_jumps(ground: Ground, chance: Random) -> None:
    """Bridge and jobs see it an hour or a day ahead or back, and then right again."""
    if ground.clock is None:
        raise NeverStruck
    lost = "select count(*) from telemetry.gap where kind in ('broker_restarted', 'session_lost')"
    before = ground.query(lost)
    try:
        for seconds in chance.sample(_JUMPS_SECONDS, 2):
            ground.clock.set(seconds)
            _expect_to_go_on(ground, f"after the clock jumped by {seconds} s")
            time.sleep(_JUMP_LASTS_SECONDS)
    finally:
        ground.clock.set(0)
    _expect_to_go_on(ground, "after the clock was right again")
    if ground.query(lost) != before:
        raise Broken("a loss is on record that was a jump of the clock")


def f32_one_terminal_floods(ground: Ground, chance: Random) -> None:
    """As fast as the broker takes it; what is too much is refused as `flood`, every message."""
    before = _accounted(ground)
    visit = ground.visitor.send(_FLOOD_MESSAGES)
    if visit.acknowledged < _FLOOD_MESSAGES:
        raise Broken(f"the broker acknowledged {visit.acknowledged} of {_FLOOD_MESSAGES} messages")
    _expect_books_of(ground, visit, before)
    if _accounted(ground)[1] == before[1]:
        raise NeverStruck


def f35_credential_revoked(ground: Ground, chance: Random) -> None:
    """A terminal that publishes is cut, and stays out until its credential is in force again."""
    code = chance.choice(ground.codes)
    revoke = (
        "update registry.credential set revoked_at = {} where terminal_id ="
        " (select id from registry.terminal where code = %s) returning extract(epoch from now())"
    )
    ((revoked_at,),) = ground.query(revoke.format("now()"), code)
    cut_at = float(revoked_at) + _CUT_SECONDS
    try:
        before = _taken_after(ground, code, cut_at)
        time.sleep(_CUT_SECONDS + _OUT_SECONDS)
        late = _taken_after(ground, code, cut_at) - before
        held = _rows(ground, code)
    finally:
        ground.query(revoke.format("null"), code)
    if late > 0:
        raise Broken(f"{late} messages were taken {_CUT_SECONDS} s after a revocation")
    if not wait_until(lambda: _rows(ground, code) > held, _BACK_SECONDS):
        raise Broken("nothing came from a terminal whose credential was given back")


def _save(ground: Ground) -> None:
    """Have the broker save what it keeps, and then no more."""
    store = ground.broker.directory / "data" / "mosquitto.db"
    before = store.stat().st_mtime_ns if store.exists() else 0
    ground.broker.change(autosave_interval="3600")
    ground.broker.save()
    if not wait_until(
        lambda: store.exists() and store.stat().st_mtime_ns > before, _SETTLED_SECONDS
    ):
        raise NeverStruck


def _expect_held(ground: Ground, batches: int) -> None:
    if not wait_until(lambda: ground.to_database.held >= batches, _SETTLED_SECONDS):
        raise NeverStruck


def _expect_quiet(ground: Ground) -> None:
    """Wait until nothing more comes to the bridge, or until that has lasted long."""
    received, since = -1.0, time.monotonic()
    until = since + _SETTLED_SECONDS
    while time.monotonic() - since < _QUIET_SECONDS and time.monotonic() < until:
        now = ground.metrics().get("muster_bridge_received_total", -1.0)
        if now != received or now < 0 or not ground.metrics().get("muster_bridge_connected"):
            received, since = now, time.monotonic()
        time.sleep(_POLL_SECONDS)


def _rows(ground: Ground, code: str, where: str = "true", *parameters: object) -> int:
    """How many rows of a terminal there are."""
    ((count,),) = ground.query(
        f"select count(*) from telemetry.{PROFILE}"  # noqa: S608
        f" where terminal_id = (select id from registry.terminal where code = %s) and {where}",
        code,
        *parameters,
    )
    return int(count)


def _taken_after(ground: Ground, code: str, since: float) -> int:
    """How many rows came after that time (Unix s), by the bridge's clock, within two minutes."""
    received = "extract(epoch from time) + delay_seconds"
    return _rows(ground, code, f"{received} > %s + 1 and {received} < %s + 120", since, since)


def _accounted(ground: Ground) -> tuple[int, int]:
    """How many of the visitor's messages are stored, and how many refused as flood."""
    ((refused,),) = ground.query(
        "select coalesce(sum(messages), 0) from telemetry.quarantine_fault where reason = 'flood'"
        " and terminal_id = (select id from registry.terminal where code = %s)",
        ground.visitor.code,
    )
    return _rows(ground, ground.visitor.code), int(refused)


def _dropped(ground: Ground) -> int:
    """How many messages are on record as thrown away by the broker."""
    ((messages,),) = ground.query(
        "select coalesce(sum(messages), 0) from telemetry.gap where kind = 'broker_dropped'"
    )
    return int(messages)


def _expect_books_of(
    ground: Ground,
    visit: Visit,
    before: tuple[int, int],
    declared: Callable[[], int] = lambda: 0,
) -> None:
    """Each message that the broker acknowledged to the visitor has its fate, or is `declared`."""

    def came() -> int:
        return sum(_accounted(ground)) - sum(before)

    wait_until(lambda: came() + declared() >= visit.acknowledged, _SETTLED_SECONDS)
    if came() + declared() < visit.acknowledged or came() > visit.sent:
        raise Broken(
            f"of {visit.sent} messages {visit.acknowledged} were acknowledged, {declared()} are"
            f" declared as thrown away, and {came()} are stored or refused"
        )


def _expect_to_go_on(ground: Ground, when: str) -> None:
    """Messages are settled still."""

    def settled() -> float:
        return ground.metrics().get("muster_bridge_messages_total", 0)

    before = settled()
    if not wait_until(lambda: settled() > before, _SETTLED_SECONDS):
        raise Broken(f"nothing is settled any more {when}")
