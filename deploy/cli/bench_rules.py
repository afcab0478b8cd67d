"""`muster bench rules`: what a rule on every terminal costs ingest, each reading counted."""

from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from deploy.bench import rules as rules_bench
from deploy.cli.measured import measured, show_goals, table


def rules(
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Medians are of these.")] = 5,
    messages: Annotated[int, typer.Option(min=1000, help="In each turn.")] = 300_000,
    terminals: Annotated[int, typer.Option(min=1, help="That send them.")] = 1000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Ingest at QoS 0 beside the judging of alarms, with a rule on every terminal and without."""
    plan = rules_bench.Plan(rounds=rounds, messages=messages, terminals=terminals)
    result = measured(lambda tell: rules_bench.run(plan, tell), json_file)
    columns = ("rate", "cpu_us", "database_cpu_us", "jobs_cpu_us", "beyond", "alarms")
    rows = [
        [name, *(f"{median(turn[column] for turn in of):,.1f}" for column in columns)]
        for name, of in result["turns"].items()
    ]
    titles = ("beyond a rule", "messages/s", "bridge", "database", "jobs", "readings", "alarms")
    table("Medians of the rounds; CPU in us a message", titles, rows)
    show_goals(result)
