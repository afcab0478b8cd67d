"""Who takes the messages: our bridge, and the yardsticks beside it."""

import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import psycopg

from deploy.bench import telegraf
from deploy.bench.processes import Child, RoundFailed, wait_until
from deploy.bench.stand import BRIDGE, PLAIN_PROFILE, PROFILE, Stand
from deploy.embedded.mosquitto import Broker
from deploy.embedded.ports import free_port

TOPIC = "m2m/v1/+/telemetry"
_READY_SECONDS = 60.0
_CONNECTED = re.compile(r"^muster_bridge_connected(?:\{[^}]*\})? 1(?:\.0)?$", re.MULTILINE)


class Who(StrEnum):
    """Who can take the messages of a turn."""

    DISCARDING = "discarding"
    BRIDGE = "bridge"
    PLAIN = "plain"
    COPYING = "copying"
    TELEGRAF = "telegraf"


TABLES = {
    Who.BRIDGE: PROFILE,
    Who.PLAIN: PLAIN_PROFILE,
    Who.COPYING: PLAIN_PROFILE,
    Who.TELEGRAF: telegraf.TABLE,
}


@dataclass(frozen=True, slots=True)
class Contender:
    """A contender that is connected and subscribed."""

    who: Who
    child: Child
    stand: Stand
    metrics_port: int | None = None

    def figure(self, name: str) -> float:
        """A metric of the bridge now, without labels; 0 if it does not answer."""
        found = re.search(rf"^{name} (\S+)$", _metrics(self.metrics_port), re.MULTILINE)
        return 0.0 if found is None else float(found[1])

    def finished_us(self, messages: int, seconds: float) -> int:
        """When the last of `messages` was received or committed; `RoundFailed` if some are lost."""
        if self.who is Who.BRIDGE:
            return _last_commit_us(self.stand, self.child, messages, seconds)
        if self.who is Who.TELEGRAF:
            return _last_row_us(self.stand, self.child, messages, seconds)
        told = self.child.read(seconds)
        if told["count"] != messages:
            raise RoundFailed(f"{self.who}: {told['count']} messages came, {messages} were sent.")
        return int(told["last_us"])

    def check_books(self, messages: int) -> None:
        """Rows in the table equal messages sent, and nothing lies in quarantine."""
        if self.who is Who.DISCARDING:
            return
        rows = self.stand.count(TABLES[self.who])
        refused = self.stand.query("select count(*) from telemetry.quarantine")[0][0]
        if (rows, refused) != (messages, 0):
            raise RoundFailed(
                f"{self.who}: {messages} messages were sent, {rows} are stored and {refused} are"
                " in quarantine."
            )


@contextmanager
def contending(
    who: Who, stand: Stand, broker: Broker, qos: int, messages: int, *, on_trial: bool = False
) -> Iterator[Contender]:
    """A contender's process from its subscription to its end.

    Of one that is `on_trial` faults are expected: what it says goes to a file, and the plain way,
    too, asks the broker to remember it, as all others do anyway.
    """
    url = f"mqtt://{BRIDGE}@{broker.host}:{broker.port}"
    port = free_port() if who is Who.BRIDGE else None
    password = stand.password_file.read_text("utf-8")
    said = stand.directory / f"{who}.log" if on_trial else None
    to_database = [url, password, TOPIC, stand.dsn(), str(qos)]
    match who:
        case Who.DISCARDING:
            child = Child("deploy.bench.discarding", [url, password, TOPIC, str(messages)])
        case Who.PLAIN:
            remembered = ["--persistent"] if on_trial else []
            child = Child(
                "deploy.bench.plain", [*to_database, str(messages), *remembered], said=said
            )
        case Who.COPYING:
            child = Child("deploy.bench.copying", [*to_database, str(messages)], said=said)
        case Who.TELEGRAF:
            log = telegraf.log_file(stand)
            log.unlink(missing_ok=True)
            arguments = [str(stand.telegraf), *to_database, str(log)]
            child = Child("deploy.bench.telegraf", arguments, said=said)
        case Who.BRIDGE:
            child = Child("broker_bridge", [], _bridge_settings(stand, broker, port), said=said)
    with child:
        if who is Who.BRIDGE:
            wait_until(lambda: _is_connected(port), child, _READY_SECONDS, "the bridge's session")
        elif who is Who.TELEGRAF:
            wait_until(lambda: telegraf.is_connected(stand), child, _READY_SECONDS, "Telegraf")
        else:
            child.read(_READY_SECONDS)
        yield Contender(who, child, stand, port)


def _bridge_settings(stand: Stand, broker: Broker, port: int | None) -> dict[str, str]:
    return {
        "MUSTER_DATABASE_URL": stand.dsn("muster_bridge"),
        "MUSTER_BROKER_URL": f"mqtt://{BRIDGE}@{broker.host}:{broker.port}",
        "MUSTER_BROKER_PASSWORD_FILE": str(stand.password_file),
        "MUSTER_BRIDGE_NAME": BRIDGE,
        "MUSTER_METRICS_LISTEN": f"127.0.0.1:{port}",
        "MUSTER_SPOOL": str(broker.directory / "spool"),
        "MUSTER_LOG_LEVEL": "warning",
    }


def _is_connected(port: int | None) -> bool:
    return _CONNECTED.search(_metrics(port)) is not None


def _metrics(port: int | None) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
    except OSError:
        return ""
    return text


def _last_commit_us(stand: Stand, child: Child, messages: int, seconds: float) -> int:
    """When the server committed the batch that completed the count, by its own commit log."""
    with psycopg.connect(stand.dsn(), autocommit=True) as conn:

        def complete() -> bool:
            row = conn.execute(
                "select coalesce(sum(rows), 0) from telemetry.batch where profile_id > 0"
            ).fetchone()
            return row is not None and int(row[0]) >= messages

        wait_until(complete, child, seconds, f"the commit of {messages} messages")
        row = conn.execute(
            "select (extract(epoch from max(pg_xact_commit_timestamp(xmin))) * 1e6)::bigint"
            " from telemetry.batch where profile_id > 0"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _last_row_us(stand: Stand, child: Child, messages: int, seconds: float) -> int:
    """The same of a contender that keeps no feed: by the rows of its table."""
    wait_until(
        lambda: stand.count(TABLES[Who.TELEGRAF]) >= messages,
        child,
        seconds,
        f"the commit of {messages} messages",
    )
    found = stand.query(
        "select (extract(epoch from max(pg_xact_commit_timestamp(xmin))) * 1e6)::bigint"  # noqa: S608
        f" from telemetry.{telegraf.TABLE}"
    )
    return int(found[0][0])
