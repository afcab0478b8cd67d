"""`muster migrate, bridge, api, jobs`: one process each; `openapi`, `asyncapi`; `doctor`."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy import doctor as examination
from deploy import seed
from deploy import workers as crew
from deploy.cli import door
from foundation import logs, settings
from foundation.migrate import migrate as bring_up_to_date
from foundation.migrate import set_passwords

app = typer.Typer()


@app.command()
def migrate(
    passwords: Annotated[
        Path | None, typer.Option(help="Directory of files named as the roles: their passwords.")
    ] = None,
    first_admin: Annotated[
        Path | None,
        typer.Option(help="File with a one-time password of `admin`, if there is no user yet."),
    ] = None,
) -> None:
    """Bring the database of MUSTER_DATABASE_URL to this version's schema; safe to repeat.

    Connect as a superuser, or as a role that may create roles and the extension.
    """
    dsn = settings.load().database()
    for name in bring_up_to_date(dsn):
        print(f"applied {name}")
    if passwords is not None:
        for role in set_passwords(dsn, passwords):
            print(f"let {role} in")
    if first_admin is not None:
        asyncio.run(seed.found(dsn, first_admin.read_text("utf-8").strip()))
    print("The schema is up to date.")


@app.command()
def bridge(
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="So many, sharing the messages (docs: bridges).")
    ] = 1,
) -> None:
    """Take messages from the broker into the database, until SIGTERM."""
    if workers == 1:
        _become("broker_bridge")
    chosen = settings.load()
    logs.configure(chosen, "bridges")
    raise typer.Exit(crew.run(chosen, workers))


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
    from api.app import openapi_document

    print(json.dumps(openapi_document(), indent=1, ensure_ascii=False))


@app.command()
def asyncapi() -> None:
    """Print the AsyncAPI description of the MQTT side as JSON."""
    from broker_bridge.asyncapi import document

    print(json.dumps(document(), indent=1, ensure_ascii=False))


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
