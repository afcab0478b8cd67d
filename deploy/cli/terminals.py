"""`muster terminal add` and `muster publish`: a first own terminal in five minutes."""

import json
import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from deploy.cli import door, publishing
from deploy.cli.door import Door
from deploy.embedded.home import Home
from deploy.simulator import fleet
from deploy.simulator.behaviour import DEFAULT_ZONE
from deploy.simulator.fleet import Member
from deploy.simulator.measuring import measured
from deploy.simulator.running import Broker
from foundation import settings
from foundation.errors import NotFound
from foundation.settings import Settings
from registry.broker_access import UP_TOPICS

app = typer.Typer()
terminal = typer.Typer(no_args_is_help=True, help="Put terminals on the roll.")
app.add_typer(terminal, name="terminal")

HomeOption = Annotated[Path | None, typer.Option(help="Home of the platform; default .muster.")]


class CredentialUnknown(NotFound):
    """This machine does not have the terminal's credential."""

    code = "credential_unknown"
    remedy = "Use a terminal that `muster terminal add` made here, or give --password-file."


@terminal.command()
def add(
    code: Annotated[str, typer.Argument(help="Its code: A-Z a-z 0-9 _ -, at most 64.")],
    profile: Annotated[str, typer.Option(help="Its device profile, such as smart_meter.")],
    client: Annotated[
        str | None, typer.Option(help="Code of the group client that owns it.")
    ] = None,
    region: Annotated[
        int | None, typer.Option(help="Where it is installed; default its client's.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Register a terminal in state `testing` and print three lines to paste."""
    chosen = settings.load()
    place = door.home_at(home, chosen)
    api = Door.of(place)
    body: dict[str, Any] = {"code": code, "profile": profile, "state": "testing"}
    body |= {} if client is None else {"group_client": client}
    body["region"] = home_region(api, client) if region is None else region
    registered = api.post("terminals", body)
    password = registered["credential"]["password"]
    file = place.secret(f"terminal-{code}", password)
    header = place.secret("api-header", f"Authorization: Bearer {api.key}")
    ca = f" --cacert {shlex.quote(api.ca_file)}" if api.ca_file else ""
    ask = f"curl -s{ca} -H @{shlex.quote(str(header))}"
    example = _example(api.get(f"profiles/{quote(profile, safe='')}"), code)
    here = "" if home is None else f" --home {shlex.quote(str(place.path))}"
    print(f"Terminal {code} is registered, in testing. Its password is in {file}.")
    print("Publish, read back, and see what was refused:")
    print(f"./muster publish {code} {shlex.quote(example)}{here}")
    print(f"{ask} {shlex.quote(api.url(f'terminals/{code}/latest'))}")
    print(f"{ask} {shlex.quote(api.url('quarantine', terminal=code))}")


@app.command()
def publish(
    code: Annotated[str, typer.Argument(help="The terminal in whose name to publish.")],
    message: Annotated[str, typer.Argument(metavar="JSON", help="The payload, sent as it is.")],
    to: Annotated[str, typer.Option(help=f"One of {', '.join(UP_TOPICS)}.")] = "telemetry",
    broker: Annotated[str | None, typer.Option(help="mqtt://HOST:PORT of another broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="The terminal's password.")] = None,
    home: HomeOption = None,
) -> None:
    """Publish one message with QoS 1 in a terminal's name, without any other MQTT client."""
    if to not in UP_TOPICS:
        raise typer.BadParameter(f"{to} is not one of {', '.join(UP_TOPICS)}", param_hint="--to")
    chosen = settings.load()
    place = door.home_at(home, chosen)
    told = publishing.publish(
        broker_of(place, chosen, broker),
        code,
        password_file.read_text("utf-8").strip() if password_file else _password(place, code),
        to,
        message.encode(),
    )
    at = datetime.now(UTC).strftime("%H:%M:%SZ")
    print(f"The broker acknowledged the message at {at}, after {told.milliseconds:.1f} ms.")
    if not told.heard:
        print("Nobody is subscribed to it: the bridge does not run, or has another prefix.")


def broker_of(home: Home, chosen: Settings, given: str | None) -> Broker:
    """The broker that was named, or is set in the environment, or runs in the home."""
    ca_file = str(chosen.broker_ca_file) if chosen.broker_ca_file else None
    url = given or chosen.broker_url
    if url is None:
        state = door.running(home)
        url = f"mqtt://{state.broker_host}:{state.broker_port}"
    return Broker.at(url, chosen.topic_prefix, ca_file)


def home_region(api: Door, client: str | None) -> int:
    """Where a terminal is taken to be: at its client's supervising region, else at the root."""
    if client is not None:
        return int(api.get(f"group-clients/{quote(client, safe='')}")["region"])
    return int(api.get("regions")["items"][0]["code"])  # parents come before their children


def _password(home: Home, code: str) -> str:
    """The credential of a terminal added here, of the demo terminal, or of the demo fleet."""
    kept = home.path / "secrets" / f"terminal-{code}"
    if kept.exists():
        return kept.read_text("utf-8").strip()
    if home.credentials_file.exists():
        demo = door.credentials(home).get("terminal", {})
        if demo.get("code") == code:
            return str(demo["password"])
    roll = home.path / "fleet.jsonl"
    for member in fleet.read(roll) if roll.exists() else ():
        if member.code == code:
            return member.password
    raise CredentialUnknown(f"The password of terminal {code} is not in {home.path}.")


def _example(profile: dict[str, Any], code: str) -> str:
    """A message that the profile accepts: its first metric, at a likely value."""
    metrics = tuple(metric for metric in profile["metrics"] if not metric.get("hidden"))
    known = {"name", "type", "unit", "low", "high", "decimals"}
    one = Member(
        code=code,
        password="",
        profile=profile["code"],
        metrics=[{k: v for k, v in metrics[0].items() if k in known}],
    )
    now = datetime.fromtimestamp(time.time(), DEFAULT_ZONE)
    return json.dumps(measured(one, 1, now))
