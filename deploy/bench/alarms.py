"""`muster bench alarms`: from publishing a reading to the webhook's answer that its alarm is taken.

Readings beyond a rule are published over MQTT; the bridge stores them, the jobs process holds them
against the rule and tells of the alarms, a receiver on this machine notes when. First one by one,
each timed (P11), then all terminals at once. Every alarm comes once, or the run has failed.
"""

import asyncio
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from deploy.bench import ingest
from deploy.bench.contenders import Who, contending
from deploy.bench.figures import figures
from deploy.bench.probe import milliseconds
from deploy.bench.processes import Child, RoundFailed, wait_until
from deploy.bench.stand import PROFILE, Stand, built
from deploy.embedded.mosquitto import Broker
from deploy.embedded.ports import free_port
from deploy.simulator.numbered import GAUGES
from foundation.database import open_pool, transaction
from foundation.settings import Settings
from registry.model import RegionCode
from registry.rules import Rules
from registry.scope import Scope
from telemetry.alarms import rules as alarm_rules
from telemetry.notifications import channels
from telemetry.notifications.carriers import egress_of
from telemetry.notifications.model import ChannelKind

_SCOPE = Scope.system("bench")
_HOST = "127.0.0.1"
_GOAL_MS = 5000.0
_PATIENCE_SECONDS = 120.0
_GAUGE = GAUGES[0]
_LIMIT = (_GAUGE.low + _GAUGE.high) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many alarms are timed one by one, and how many terminals raise one at once."""

    alarms: int = 200
    a_second: float = 10.0
    storm: int = 2000


@dataclass
class Receiver:
    """Takes webhooks, and notes of each change when it was taken."""

    taken: dict[tuple[str, str], float] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    deliveries: int = 0
    tests: int = 0
    port: int = 0

    @contextmanager
    def receiving(self) -> Iterator["Receiver"]:
        """Listen while within."""
        receiver = self

        class Taking(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()
                receiver.note(json.loads(body), time.perf_counter())

            def log_message(self, *given: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer((_HOST, 0), Taking)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, name="receiver")
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def note(self, told: dict[str, Any], at: float) -> None:
        """A delivery that was taken."""
        self.deliveries += 1
        self.tests += told["form"] == "test"
        for change in told["changes"]:
            self.times[change["id"]] += 1
            self.taken.setdefault((change["event"], change["alarm"]["terminal"]), at)


def run(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure; the result as JSON, `wrong` empty where every alarm came once."""
    tell("starting a throwaway broker and database")
    key, receiver = secrets.token_urlsafe(48), Receiver()
    with built(max(plan.alarms, plan.storm), 1) as stand, ExitStack() as stack:
        stack.enter_context(receiver.receiving())
        stand.cluster.set_password("muster_jobs")
        asyncio.run(_prepared(stand, key, receiver))
        broker = stack.enter_context(stand.fresh_broker({}))
        stack.enter_context(contending(Who.BRIDGE, stand, broker, 1, 0))
        jobs = stack.enter_context(_telling(stand, key))
        wait_until(lambda: receiver.tests > 0, jobs, _PATIENCE_SECONDS, "The test")
        client = stack.enter_context(_speaking(stand, broker))
        tell("one by one")
        timed = _one_by_one(plan, stand, client, receiver, jobs)
        tell("all at once")
        storm = _storm(plan, stand, client, receiver, jobs)
        described = ingest.machine(stand)
    goal = figures([("P11", "published to taken, p99 in ms", "<=", _GOAL_MS, [timed["p99"]], None)])
    return {
        "benchmark": "alarms",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [asdict(figure) for figure in goal],
        "one_by_one": timed,
        "storm": storm,
        "deliveries": receiver.deliveries,
        "wrong": [f"Change {n} came {times} times." for n, times in receiver.times.items()
                  if times != 1],
    }  # fmt: skip


@contextmanager
def _telling(stand: Stand, key: str) -> Iterator[Child]:
    environment = {
        "MUSTER_DATABASE_URL": stand.dsn("muster_jobs"),
        "MUSTER_METRICS_LISTEN": f"{_HOST}:{free_port()}",
        "MUSTER_SECRET_KEY": key,
        "MUSTER_NOTIFICATION_NETWORKS": f"{_HOST}/32",
        "MUSTER_LOG_LEVEL": "warning",
    }
    with Child("deploy.jobs", environment=environment) as jobs:
        yield jobs


@contextmanager
def _speaking(stand: Stand, broker: Broker) -> Iterator[Client]:
    account = stand.loads[0]
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=account, protocol=MQTTProtocolVersion.MQTTv5
    )
    client.username_pw_set(account, stand.password_file.read_text("utf-8"))
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _say(client: Client, code: str, *, beyond: bool) -> None:
    value = _GAUGE.high if beyond else _GAUGE.low
    told = {"ts": time.time_ns() // 1_000_000, "values": {_GAUGE.name: value}}
    client.publish(f"m2m/v1/{code}/telemetry", json.dumps(told), qos=1)


def _one_by_one(
    plan: Plan, stand: Stand, client: Client, receiver: Receiver, jobs: Child
) -> dict[str, float]:
    """Milliseconds from each publish until its alarm was taken; then all are over again."""
    codes = stand.terminals[: plan.alarms]
    began: dict[str, float] = {}
    for code in codes:
        began[code] = time.perf_counter()
        _say(client, code, beyond=True)
        time.sleep(1 / plan.a_second)
    _wait(receiver, "opened", codes, jobs)
    took = [receiver.taken["opened", code] - at for code, at in began.items()]
    for code in codes:
        _say(client, code, beyond=False)
    _wait(receiver, "cleared", codes, jobs)
    return milliseconds(took)


def _storm(
    plan: Plan, stand: Stand, client: Client, receiver: Receiver, jobs: Child
) -> dict[str, float]:
    """Seconds until the last of all terminals' alarms was taken, and how many at once."""
    codes = stand.terminals[: plan.storm]
    receiver.taken.clear()
    before, began = receiver.deliveries, time.perf_counter()
    for code in codes:
        _say(client, code, beyond=True)
    _wait(receiver, "opened", codes, jobs)
    last = max(receiver.taken["opened", code] for code in codes)
    return {
        "alarms": len(codes),
        "seconds": round(last - began, 2),
        "deliveries": receiver.deliveries - before,
    }


def _wait(receiver: Receiver, event: str, codes: Sequence[str], jobs: Child) -> None:
    wanted = {(event, code) for code in codes}
    what = f"{len(wanted)} times {event}"
    try:
        wait_until(lambda: wanted <= receiver.taken.keys(), jobs, _PATIENCE_SECONDS, what)
    except RoundFailed as error:
        missing = len(wanted - receiver.taken.keys())
        raise RoundFailed(f"{error} {missing} are missing.") from error


async def _prepared(stand: Stand, key: str, receiver: Receiver) -> None:
    """A rule of all terminals, and a webhook that is told of its alarms."""
    known = Settings.model_validate({"secret_key": key, "notification_networks": f"{_HOST}/32"})
    egress = egress_of(known)
    async with (
        await open_pool(stand.dsn(), name="bench", max_size=1) as pool,
        transaction(pool, _SCOPE.settings()) as conn,
    ):
        rule = await alarm_rules.define(
            conn, _SCOPE, name="beyond", profile=PROFILE, region=RegionCode(0),
            criterion={"kind": "threshold", "metric": _GAUGE.name, "above": _LIMIT},
        )  # fmt: skip
        await alarm_rules.change(conn, _SCOPE, rule.id, enabled=True)
        await channels.create(
            conn, _SCOPE, Rules.of(known), egress, name="receiver", kind=ChannelKind.WEBHOOK,
            address=f"http://{_HOST}:{receiver.port}/", region=RegionCode(0),
        )  # fmt: skip
    await egress.close()
