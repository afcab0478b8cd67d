"""`muster simulate`: a fleet with knobs, its own or one enrolled for the occasion."""

import json
import time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from deploy.cli import door
from deploy.cli.enrolling import enrolled
from deploy.cli.terminals import HomeOption, broker_of
from deploy.embedded.home import Home
from deploy.simulator import fleet, running
from deploy.simulator.behaviour import Behaviour, BehaviourInvalid
from deploy.simulator.fleet import Member
from deploy.simulator.ledger import Ledger, Summary
from foundation import logs, settings
from foundation.errors import Refused
from foundation.shutdown import stop_event

app = typer.Typer()


class SimulatedAlready(Refused):
    """The platform's own simulator speaks for these terminals already."""

    code = "simulated_already"
    remedy = (
        "Simulate terminals of your own with --profile and --terminals, or start the platform"
        " with --no-fleet."
    )


@app.command()
def simulate(
    fleet_file: Annotated[
        Path | None, typer.Option("--fleet", help="Fleet file; default the home's own.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Enrol terminals of this profile, and simulate these.")
    ] = None,
    terminals: Annotated[
        int | None, typer.Option(min=1, help="How many; all of the file, or 10 enrolled.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Seconds between readings; default the terminal's own.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="Readings a second of the whole fleet, in place of that."),
    ] = None,
    jitter: Annotated[float, typer.Option(help="Share of the interval.")] = 0.2,
    duplicates: Annotated[float, typer.Option(help="Share of readings sent twice.")] = 0.0,
    late: Annotated[float, typer.Option(help="Share of readings kept back.")] = 0.0,
    broken: Annotated[float, typer.Option(help="Share of readings spoilt.")] = 0.0,
    qos: Annotated[int, typer.Option(min=0, max=1)] = 1,
    seed: Annotated[int, typer.Option(help="Another seed is another history.")] = 1,
    duration: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many messages.")] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Append one JSON line a message to this file.")
    ] = None,
    zone: Annotated[str, typer.Option(help="Time zone that shapes the days.")] = "Asia/Shanghai",
    broker: Annotated[str | None, typer.Option(help="mqtt://HOST:PORT of another broker.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary for programs.")] = False,
    home: HomeOption = None,
) -> None:
    """Simulate terminals on real MQTT connections until Ctrl-C, a count or a duration."""
    chosen = settings.load()
    logs.configure(chosen, "simulator")
    place = door.home_at(home, chosen)
    members = _members(place, fleet_file, profile, terminals)
    if rate is not None:
        interval = len(members) / rate
    behaviour = Behaviour(
        seed=seed,
        interval_seconds=interval,
        jitter=jitter,
        duplicates=duplicates,
        late=late,
        broken=broken,
        qos=qos,
        zone=_zone(zone),
    )
    server = broker_of(place, chosen, broker)
    began = time.monotonic()

    async def work(book: Ledger) -> None:
        await running.run(
            members, behaviour, server, book, stop_event(), count=count, duration_seconds=duration
        )

    with Ledger(ledger) as book:
        uvloop.run(work(book))
    seconds = time.monotonic() - began
    if as_json:
        print(json.dumps(book.summary.document() | {"seconds": round(seconds, 3)}))
    else:
        _show(book.summary, len(members), seconds)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise BehaviourInvalid(f"There is no time zone {name}.", field="zone") from None


def _members(
    home: Home, file: Path | None, profile: str | None, terminals: int | None
) -> list[Member]:
    if profile is not None:
        return enrolled(home, profile, terminals or 10)
    own = home.path / "fleet.jsonl"
    if file is None and any(
        one.name == "simulator" and one.state != "stopped" for one in door.running(home).processes
    ):
        raise SimulatedAlready
    return fleet.read(file or own)[:terminals]


def _show(summary: Summary, terminals: int, seconds: float) -> None:
    told = summary.document()
    table = Table(title=f"{terminals} terminals, {seconds:.1f} s", show_header=False)
    counted = ("sent", "acknowledged", "unacknowledged", "receipted", "refused", "resent")
    for name in ("connections", "refusals", *counted):
        table.add_row(name, str(told[name]))
    for what, count in told["by_kind"].items():
        table.add_row(f"sent: {what}", str(count))
    for fate, count in told["by_expected"].items():
        table.add_row(f"expected: {fate}", str(count))
    Console().print(table)
