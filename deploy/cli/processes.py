"""`muster migrate, bridge, api, jobs`: one process each, for production; `openapi`; `doctor`."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy import doctor as examination
from deploy.cli import door
from foundation import settings
from foundation.migrate import migrate as bring_up_to_date

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the database of MUSTER_DATABASE_URL to this version's schema; safe to repeat.

    Connect as a superuser, or as a role that may create roles and the extension.
    """
    applied = bring_up_to_date(settings.load().database())
    for name in applied:
        print(f"applied {name}")
    print("The schema is up to date.")


@app.command()
def bridge() -> None:
    """Take messages from the broker into the database, until SIGTERM."""
    _become("broker_bridge")


@app.command()
def api() -> None:
    """Serve the HTTP API and the console, until SIGTERM."""
    _become("api")


@app.command()
def jobs() -> None:
    """Keep what is derived (latest values, gauges, housekeeping), until SIGTERM."""
    _become("deploy.jobs")


@app.command()
def openapi() -> None:
    """Print the OpenAPI description of the HTTP API as JSON."""
    from api.app import create_app

    print(json.dumps(create_app(settings.load()).openapi(), indent=1, ensure_ascii=False))


@app.command()
def doctor(
    home: Annotated[
        Path | None, typer.Option(help="Home of the platform; default .muster.")
    ] = None,
) -> None:
    """Examine settings, machine, database and broker; exit 1 where something is wrong."""
    chosen = settings.load()
    findings = examination.examine(chosen, door.home_at(home, chosen))
    for finding in findings:
        print(f"{finding.verdict.value:4}  {finding.part}: {finding.sentence}")
        if finding.remedy:
            print(f"      {finding.remedy}")
    if any(finding.verdict is examination.Verdict.BAD for finding in findings):
        raise typer.Exit(1)


def _become(module: str) -> None:
    """Turn this process into another one: its signals and its exit code are the process's own."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module])  # noqa: S606
