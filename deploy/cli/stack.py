"""`muster up`, `status`, `down`: the whole platform on this machine."""

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import deploy
from deploy.cli import detached
from deploy.embedded import addresses, processes
from deploy.embedded.addresses import Address
from deploy.embedded.home import LOOPBACK, Home, State
from deploy.embedded.progress import Progress
from deploy.embedded.supervisor import end_leftovers
from deploy.embedded.worker import answers
from deploy.spooled import spooled
from foundation import logs, settings
from foundation.errors import Refused
from foundation.settings import Settings

app = typer.Typer()

_STOP_SECONDS = 120

HomeOption = Annotated[
    Path | None, typer.Option(help="Directory of this platform's state; default .muster here.")
]


class NotRunning(Refused):
    """Muster does not run in this home."""

    code = "not_running"
    remedy = "Start it with `./muster up`."


@app.command()
def up(
    home: HomeOption = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is up.")] = False,
    fleet: Annotated[
        int | None,
        typer.Option(min=0, help="Simulated terminals; 200 at first, then as many as there were."),
    ] = None,
    no_fleet: Annotated[bool, typer.Option("--no-fleet", help="No simulator.")] = False,
    listen: Annotated[
        str | None, typer.Option(help="Console on this HOST:PORT; with TLS if not loopback.")
    ] = None,
    broker_listen: Annotated[
        str | None, typer.Option(help="Broker on this HOST:PORT; with TLS if not loopback.")
    ] = None,
    certificate_listen: Annotated[
        str | None, typer.Option(help="Broker for terminals with a certificate, HOST:PORT; TLS.")
    ] = None,
    silent: Annotated[bool, typer.Option("--silent", hidden=True)] = False,
) -> None:
    """Run the whole platform; Ctrl-C stops everything cleanly."""
    chosen = settings.load()
    console = _listen(listen, chosen)
    near = Address(LOOPBACK, None)
    broker = addresses.parse(broker_listen) if broker_listen else near
    certified = addresses.parse(certificate_listen) if certificate_listen else near
    place = Home(_home_path(home, chosen))
    place.open()
    if detach:
        state = detached.run(place, sys.argv[1:])
        _announce(place, state)
        print("`./muster status` shows how it is, `./muster down` stops it.")
        return
    from deploy.embedded.stack import Plan, Stack  # slow: only for who becomes the supervisor

    logs.configure(chosen, "supervisor")
    plan = Plan(chosen, 0 if no_fleet else fleet_of(place, fleet), console, broker, certified)
    with place.hold():
        stack = Stack(place, plan, Progress(), _say)
        stack.run(lambda state: None if silent else _announce(place, state, stop="Ctrl-C"))
    _say("stopped")


def fleet_of(place: Home, asked: int | None) -> int:
    """How many terminals are simulated: as asked, else as before, else 200."""
    known = place.path / "fleet.jsonl"
    if asked is None and known.exists():
        return len(known.read_text("utf-8").splitlines())
    return 200 if asked is None else asked


@app.command()
def status(
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what runs, where, and how healthy; exit 0 when all is well, 1 when not, 3 when down."""
    place = Home(_home_path(home, settings.load()))
    place.check_format()
    alive = place.supervisor() is not None
    state = place.read_state() if alive else State()
    healthy = alive and _is_healthy(state)
    if as_json:
        print(json.dumps(_document(place, state, healthy=healthy), indent=1, ensure_ascii=False))
    elif alive:
        _show(place, state, healthy=healthy)
    if not alive:
        if as_json:
            raise typer.Exit(3)
        raise NotRunning(f"Muster does not run in {place.path}.")
    raise typer.Exit(0 if healthy else 1)


@app.command()
def down(home: HomeOption = None) -> None:
    """Stop everything that runs in this home, cleanly."""
    place = Home(_home_path(home, settings.load()))
    place.check_format()
    progress = Progress()
    running = place.supervisor()
    if running:
        progress.step("stopping")
        processes.send(running, signal.SIGTERM)
        if not processes.wait_gone([running], _STOP_SECONDS):
            processes.send(running, signal.SIGKILL)
            processes.wait_gone([running], 10)
    left = end_leftovers(place.read_state())
    progress.done()
    what = "stopped" if running or left else f"nothing runs in {place.path}"
    _say(what)


def _home_path(given: Path | None, chosen: Settings) -> Path:
    checkout = Path(deploy.__file__).resolve().parent.parent
    return given or chosen.home or checkout / ".muster"


def _listen(given: str | None, chosen: Settings) -> Address:
    if given:
        return addresses.parse(given)
    if "api_listen" in chosen.model_fields_set:
        return addresses.parse(chosen.api_listen)
    return Address(LOOPBACK, None)


def _is_healthy(state: State) -> bool:
    api = state.api.partition("://")[2]
    return (
        state.phase == "up"
        and all(one.state == "running" for one in state.processes)
        and all(map(processes.is_running, state.living()))
        and answers(api, "/health/ready", tls=state.api.startswith("https"))
    )


def _document(home: Home, state: State, *, healthy: bool) -> dict[str, object]:
    return {
        "home": str(home.path),
        "healthy": healthy,
        "phase": state.phase,
        "api": state.api,
        "broker": {
            "host": state.broker_host,
            "port": state.broker_port,
            "tls": state.broker_tls,
            "certificates": state.broker_certificates,
        },
        "database": state.database,
        "metrics": state.metrics,
        "spool": None if (waiting := spooled(state)) is None else asdict(waiting),
        "processes": [
            {name: value for name, value in asdict(one).items() if name != "started_ticks"}
            for one in (state.supervisor, *state.processes)
        ],
        "credentials": str(home.credentials_file),
        "ca_file": state.ca_file,
        "logs": str(home.logs),
    }


def _show(home: Home, state: State, *, healthy: bool) -> None:
    word = "healthy" if healthy else f"not healthy ({state.phase})"
    print(f"Muster in {home.path} is {word}.")
    _show_addresses(home, state)
    for one in state.processes:
        fared = f", started again {one.restarts} times" if one.restarts else ""
        fared += f", last exit code {one.last_exit}" if one.last_exit is not None else ""
        print(f"  {one.name:<10} {one.state}{f' (pid {one.pid})' if one.pid else ''}{fared}")
    waiting = spooled(state)
    if waiting is not None and waiting.messages:
        print(f"  spool      {waiting.told()}")


def _show_addresses(home: Home, state: State) -> None:
    print(f"  console    {state.api}/")
    if state.broker_port:
        print(f"  broker     mqtt://{state.broker_host}:{state.broker_port}")
    if state.broker_tls:
        print(f"             mqtts://{state.broker_tls} (CA certificate: {state.ca_file})")
    if state.broker_certificates:
        ca = home.path / "tls" / "ca.pem"
        print(f"             mqtts://{state.broker_certificates} for certificates (CA: {ca})")
    print(f"  database   {state.database}")
    print(f"  passwords  {home.credentials_file}")


def _announce(home: Home, state: State, stop: str | None = None) -> None:
    print("Muster is up.")
    _show_addresses(home, state)
    try:
        admin = json.loads(home.credentials_file.read_text("utf-8"))["admin"]
        print(f"  sign in    {admin['name']} / {admin['password']} (as made at first start)")
    except (OSError, ValueError, KeyError):
        pass  # removed by the operator, who has noted the passwords
    if stop:
        print(f"{stop} stops everything.", flush=True)


def _say(what: str) -> None:
    print(f"muster: {what}", file=sys.stderr, flush=True)
