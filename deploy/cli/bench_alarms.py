"""`muster bench alarms`: how soon a webhook is told of an alarm, and whether of each once."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.bench import alarms as alarms_bench
from deploy.cli.measured import measured, show_goals, table


def alarms(
    alarms: Annotated[int, typer.Option(min=10, max=100_000, help="Timed one by one.")] = 200,
    a_second: Annotated[float, typer.Option(min=0.1, max=1000, help="Of these.")] = 10.0,
    storm: Annotated[int, typer.Option(min=1, max=100_000, help="Raised all at once.")] = 2000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """From publishing a reading until a webhook has taken its alarm (P11); each counted."""
    plan = alarms_bench.Plan(alarms=alarms, a_second=a_second, storm=storm)
    result = measured(lambda tell: alarms_bench.run(plan, tell), json_file)
    timed, at_once = result["one_by_one"], result["storm"]
    rows = [
        [f"{alarms:,} one by one", *(f"{timed[name]:g}" for name in ("p50", "p99", "longest"))],
        [f"{storm:,} at once", "", "", f"{1000 * at_once['seconds']:g}"],
    ]
    table("Published to taken, ms", ("", "p50", "p99", "the last"), rows)
    typer.echo(f"{at_once['deliveries']} deliveries told of the {storm:,}.")
    show_goals(result)
    for line in result["wrong"]:
        typer.echo(line)
    raise typer.Exit(1 if result["wrong"] else 0)
