"""A client made from the description alone: signs in to a running API and reads a series."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import openapi_document
from deploy.embedded.ports import free_port
from deploy.embedded.processes import wait_until
from tests.api.test_process import is_ready, process
from tests.api.world import PASSWORD, World, minutes_ago

PACKAGE = "muster_client"


# Nobody reads what is made, so it needs no formatter; packed files are bytes to it.
_SETTINGS = """post_hooks: []
content_type_overrides:
  application/gzip: application/octet-stream
  application/vnd.apache.parquet: application/octet-stream
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The generated package; a warning of its maker is a place that the description leaves dark."""
    place = tmp_path_factory.mktemp("generated")
    (place / "openapi.json").write_text(json.dumps(openapi_document()), "utf-8")
    (place / "config.yaml").write_text(_SETTINGS, "utf-8")
    made = subprocess.run(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--meta=none",
            "--fail-on-warning", f"--path={place}/openapi.json", f"--config={place}/config.yaml",
            f"--output-path={place / PACKAGE}",
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(place))
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.path.remove(str(place))
        for name in [one for one in sys.modules if one.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


@pytest.fixture
def address(house: World) -> Iterator[str]:
    """Where an API process serves the small world."""
    listen = f"127.0.0.1:{free_port()}"
    with process(
        DATABASE_URL=house.database.api, API_LISTEN=listen, SECOND_FACTOR="off"
    ) as started:
        assert wait_until(lambda: is_ready(f"http://{listen}"), 90)
        yield f"http://{listen}"
        started.terminate()
        started.communicate(timeout=20)


def operation(tag: str, name: str) -> Any:
    """The generated module of one operation."""
    return importlib.import_module(f"{PACKAGE}.api.{tag}.{name}")


def test_it_reads_a_series_with_an_api_key(house: World, client: Any, address: str) -> None:
    """Times and values come typed; a foreign terminal is a problem with its code, not a guess."""
    at = minutes_ago(2)
    house.measured("METER-1", "smart_meter", at, voltage_a=231.5)
    read_series = operation("telemetry", "read_series")
    with client.AuthenticatedClient(address, token=house.keys["power"]) as mine:
        series = read_series.sync("METER-1", client=mine, metric="voltage_a")
        refused = read_series.sync_detailed("BUS-1", client=mine)

    assert (series.times, series.columns["voltage_a"]) == ([at], [231.5])
    assert (refused.status_code, refused.parsed.code) == (404, "terminal_not_found")


def test_it_signs_in_as_a_person(house: World, client: Any, address: str) -> None:
    """Name and password open a session, which the client keeps, and signing out ends."""
    body = importlib.import_module(f"{PACKAGE}.models").SignInBody(name="pei", password=PASSWORD)
    read_series, me = operation("telemetry", "read_series"), operation("me", "who_am_i")
    at = minutes_ago(2)
    house.measured("METER-1", "smart_meter", at, voltage_a=231.5)
    with client.Client(address) as mine:
        signed_in = operation("sessions", "sign_in").sync(client=mine, body=body)
        series = read_series.sync("METER-1", client=mine, metric="voltage_a")
        seen = me.sync(client=mine)
        operation("sessions", "sign_out").sync_detailed(client=mine)
        after = me.sync(client=mine)

    assert (signed_in.name, signed_in.awaits) == ("pei", None)
    assert series.columns["voltage_a"] == [231.5]
    assert seen.account.role == "client_viewer"
    assert (after.status, after.code) == (401, "not_signed_in")


def test_it_walks_a_list_and_registers(house: World, client: Any, address: str) -> None:
    """Pages are walked by `next`, and what is sent is a typed body."""
    models = importlib.import_module(f"{PACKAGE}.models")
    list_terminals = operation("terminals", "list_terminals")
    register = operation("terminals", "register_terminal")
    body = models.TerminalBody(code="METER-NEW", profile="smart_meter", region=320500)
    met: list[str] = []
    with client.AuthenticatedClient(address, token=house.keys["jiangsu"]) as mine:
        registered = register.sync(client=mine, body=body)
        page = list_terminals.sync(client=mine, limit=2)
        met += [terminal.code for terminal in page.items]
        while page.next_:
            page = list_terminals.sync(client=mine, limit=2, after=page.next_)
            met += [terminal.code for terminal in page.items]

    assert registered.credential.username == "METER-NEW"
    assert registered.terminal.state is models.TerminalState.REGISTERED
    assert sorted(met) == ["METER-1", "METER-2", "METER-3", "METER-NEW", "OLD-1", "SPARE-1"]
