"""`muster bench history`: what roll-ups of readings by hour and day cost."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.bench import history as history_bench
from deploy.cli.measured import measured, table


def history(
    terminals: Annotated[int, typer.Option(min=10, help="Each reports every minute.")] = 1000,
    hours: Annotated[int, typer.Option(min=1, max=48, help="For so long.")] = 24,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Store readings, roll them up as they are followed, and all of them once more."""
    plan = history_bench.Plan(terminals=terminals, hours=hours)
    result = measured(lambda tell: history_bench.run(plan, tell), json_file)
    table(
        f"{result['rows']:,} readings of four metrics, {result['buckets']:,} hours of"
        f" {result['bytes_a_bucket']} bytes",
        ("", "s", "us a reading"),
        [
            [name, f"{seconds:g}", f"{result['microseconds_a_row'][name]:g}"]
            for name, seconds in result["seconds"].items()
        ],
    )
    for line in result["wrong"]:
        typer.echo(line)
    raise typer.Exit(1 if result["wrong"] else 0)
