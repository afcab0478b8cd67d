"""A real Prometheus finds a client, scrapes it and judges it; a real Alertmanager tells of it."""

import asyncio
import json
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from deploy.embedded import check_tools, prometheus
from deploy.embedded.ports import free_port
from deploy.embedded.postgres import Cluster
from foundation.settings import Settings
from telemetry.notifications import letters
from telemetry.notifications.model import ChannelKind
from tests.api import world
from tests.api.served import served
from tests.api.test_prometheus import scraper
from tests.api.world import POWER, World, minutes_ago
from tests.conftest import TEMPLATE, copy_of
from tests.telemetry.notifications.test_letters import change, letter

SHIPPED = Path(__file__).parents[2] / "deploy" / "prometheus"
PATIENCE = 240.0
FIRES = "MusterMeterVoltageHigh"


@pytest.fixture
def house(cluster: Cluster) -> Iterator[World]:
    """The small world of the API's tests."""
    with copy_of(cluster, TEMPLATE) as database:
        yield asyncio.run(world.build(database))


@pytest.fixture
async def app(house: World) -> AsyncIterator[FastAPI]:
    """The application on it, started."""
    settings = {"database_url": house.database.api, "second_factor": "off"}
    application = create_app(Settings.model_validate(settings))
    async with application.router.lifespan_context(application):
        yield application


@contextmanager
def running(*command: str | Path, beside: Path) -> Iterator[None]:
    """A server, ended afterwards; what it writes is kept in the folder beside."""
    with (beside / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=beside, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def alertmanager(folder: Path) -> Path:
    """Debian's program, which looks for its templates below /usr alone, told to look in a folder.

    Nothing is installed: the path in a copy of it becomes as long a one that is `.`.
    """
    built_in = b"/usr/share/prometheus/alertmanager"
    program = check_tools.ensure().alertmanager
    text = program.read_bytes()
    assert built_in in text
    copy = folder / "alertmanager"
    copy.write_bytes(text.replace(built_in, b"./" * (len(built_in) // 2)))
    copy.chmod(0o755)
    for template in (program.parents[1] / "share/prometheus/alertmanager").glob("*.tmpl"):
        shutil.copy(template, folder)
    return copy


@contextmanager
def receiving() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A receiver of Alertmanager's: its port, and the alerts that it was told of, in order."""
    told: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.extend({**alert, "receiver": body["receiver"]} for alert in body["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def until(true: Callable[[], Any], what: str) -> None:
    """Wait for it, each half second; fail when it does not come in time."""
    deadline = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(true):
        assert time.monotonic() < deadline, f"{what} did not come."
        await asyncio.sleep(0.5)


def configured(
    folder: Path, secret: str, api: int, alertmanager: int, receiver: int
) -> tuple[Path, Path]:
    """What is shipped, with these addresses, and all its waiting made short."""
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "scraper").write_text(secret)
    changes: Sequence[tuple[str, str]] = (
        (r"127\.0\.0\.1:8080", f"127.0.0.1:{api}"),
        (r"127\.0\.0\.1:9093", f"127.0.0.1:{alertmanager}"),
        (r"127\.0\.0\.1:5001", f"127.0.0.1:{receiver}"),
        (r"(?m)^( *scrape_timeout): .*$", r"\1: 5s"),
        (r"(?m)^( *scrape_interval): .*$", r"\1: 5s"),
        (r"(?m)^( *(?:refresh|evaluation|group)_interval): .*$", r"\1: 1s"),
        (r"(?m)^( *(?:for|group_wait)): .*$", r"\1: 1s"),
    )
    for file in folder.rglob("*.yml"):
        text = file.read_text("utf-8")
        for old, new in changes:
            text = re.sub(old, new, text)
        file.write_text(text, "utf-8")
    return folder / "prometheus.yml", folder / "alertmanager.yml"


def told_of(alerts_at: int, alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Tell Alertmanager of an alarm as a channel does; what it holds of ours then."""
    at = f"http://127.0.0.1:{alerts_at}/api/v2/alerts"
    alerts = letters.alertmanager(letter(ChannelKind.ALERTMANAGER, alarm), datetime.now(UTC))
    httpx.post(at, json=alerts, timeout=10).raise_for_status()
    answer = httpx.get(at, params={"filter": 'source="muster"'}, timeout=10)
    held: list[dict[str, Any]] = answer.raise_for_status().json()
    return held


@pytest.mark.timeout(900)
async def test_an_alert_arrives_and_is_over(house: World, app: FastAPI, tmp_path: Path) -> None:
    """Discovered, scraped, fired, told to the client's receiver; told again when it is over; and a
    terminal that falls silent takes its series with it."""
    house.measured("METER-1", "smart_meter", minutes_ago(0), voltage_a=258.5)
    secret = await scraper(house, app, group_clients=[POWER])
    at, alerts_at = free_port(), free_port()
    found = f"http://127.0.0.1:{at}/api/v1/query"

    def value(query: str) -> list[float] | None:
        """What Prometheus says; None while it does not answer."""
        try:
            answer = httpx.get(found, params={"query": query}, timeout=10)
        except httpx.TransportError:
            return None
        if not answer.is_success:
            return None
        return [float(one["value"][1]) for one in answer.json()["data"]["result"]]

    def alerts(status: str) -> list[dict[str, Any]]:
        named = [one for one in told if one["labels"]["alertname"] == FIRES]
        return [one for one in named if one["status"] == status]

    alarm = change(7, raised_at=minutes_ago(5))
    with receiving() as (receiver, told):
        async with served(app) as port:
            configuration, routes = configured(tmp_path, secret, port, alerts_at, receiver)
            with (
                running(
                    alertmanager(tmp_path), f"--config.file={routes}",
                    f"--web.listen-address=127.0.0.1:{alerts_at}", "--cluster.listen-address=",
                    f"--storage.path={tmp_path / 'alerts'}", beside=tmp_path,
                ),
                running(
                    prometheus.ensure(), f"--config.file={configuration}",
                    f"--web.listen-address=127.0.0.1:{at}",
                    f"--storage.tsdb.path={tmp_path / 'data'}", beside=tmp_path,
                ),
            ):  # fmt: skip
                await until(lambda: value('up{job="muster-clients"}') == [1.0], "The first scrape")
                await until(lambda: alerts("firing"), "The alert")
                [first], [again] = [told_of(alerts_at, alarm) for _ in range(2)]
                ended = told_of(alerts_at, alarm | {"cleared_at": minutes_ago(1)})
                house.measured("METER-1", "smart_meter", minutes_ago(0), voltage_a=231.0)
                await until(lambda: alerts("resolved"), "The end of the alert")
                volts = "muster_reading_voltage_a_volts"
                await until(lambda: value(volts) == [231.0], "The value")
                then = minutes_ago(60)
                house.measured("METER-1", "smart_meter", then, voltage_a=231.0)
                await until(lambda: value(volts) == [], "The withdrawal")
                seen = "muster_terminal_last_seen_timestamp_seconds"
                await until(lambda: value(seen) == [then.timestamp()], "When it was heard of")

    assert (first["fingerprint"], ended) == (again["fingerprint"], [])
    assert first["endsAt"] < again["endsAt"]  # each telling holds it open for longer
    [alert] = {json.dumps(one["labels"], sort_keys=True) for one in alerts("firing")}
    assert json.loads(alert) == {
        "alertname": FIRES,
        "group_client": POWER,
        "instance": f"127.0.0.1:{port}",
        "job": "muster-clients",
        "profile": "smart_meter",
        "province": "320000",
        "severity": "warning",
        "team": "clients",
        "terminal": "METER-1",
    }
    assert {one["receiver"] for one in alerts("firing") + alerts("resolved")} == {"clients"}
