"""`muster bench rollups`: roll-ups of supervision of a whole country."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.bench import rollups as rollups_bench
from deploy.cli.measured import measured, show_goals, table


def rollups(
    terminals: Annotated[int, typer.Option(min=1000, help="On the roll.")] = 3_000_000,
    clients: Annotated[int, typer.Option(min=12, help="Group clients.")] = 20_000,
    samples: Annotated[int, typer.Option(min=1, help="Clients counted one by one.")] = 200,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Take days, roll up by everything, and compare with terminals counted one by one."""
    plan = rollups_bench.Plan(terminals=terminals, clients=clients, samples=samples)
    result = measured(lambda tell: rollups_bench.run(plan, tell), json_file)
    table(
        f"{result['terminals']:,} terminals, {result['clients']:,} clients: seconds",
        ("", "s"),
        [[title, f"{seconds:g}"] for title, seconds in result["seconds"].items()],
    )
    table(
        "A day",
        ("rows", "MB", "rows of clients"),
        [[f"{result[name]:,}" for name in ("rows", "megabytes", "client_rows")]],
    )
    show_goals(result)
    for line in result["wrong"]:
        typer.echo(line)
    raise typer.Exit(1 if result["wrong"] else 0)
