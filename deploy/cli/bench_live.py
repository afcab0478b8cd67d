"""`muster bench live` and `tabs`: what open streams and pages cost the API, each counted."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.bench import live as live_bench
from deploy.bench import tabs as tabs_bench
from deploy.cli.measured import measured, show_goals, table


def live(
    streams: Annotated[int, typer.Option(min=1, max=1000, help="Open at once.")] = 500,
    terminals_each: Annotated[int, typer.Option(min=1, max=100, help="Of each stream.")] = 20,
    rate: Annotated[int, typer.Option(min=4, help="Readings committed a second.")] = 1000,
    requests: Annotated[int, typer.Option(min=100, help="In each half of a round.")] = 600,
    rounds: Annotated[int, typer.Option(min=1, help="Each without streams and with them.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """The API's p99 while streams are open against that without; each reading counted."""
    plan = live_bench.Plan(
        streams=streams,
        terminals_each=terminals_each,
        readings_a_second=rate,
        requests=requests,
        rounds=rounds,
    )
    result = measured(lambda tell: live_bench.run(plan, tell), json_file)
    _show(result)


def tabs(
    tabs: Annotated[int, typer.Option(min=2, max=1000, help="Open at once.")] = 200,
    requests: Annotated[int, typer.Option(min=100, help="In each half of a round.")] = 600,
    rounds: Annotated[int, typer.Option(min=1, help="Each without tabs and with them.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """The API's p99 while pages of the console are open against that without; each page counted."""
    plan = tabs_bench.Plan(tabs=tabs, requests=requests, rounds=rounds)
    result = measured(lambda tell: tabs_bench.run(plan, tell), json_file)
    for k, one in enumerate(result["rounds"], 1):
        told = ", ".join(f"{count:,} parts of {name} pages" for name, count in one["pages"].items())
        typer.echo(f"Round {k}: {told}.")
    _show(result)


def _show(result: dict[str, Any]) -> None:
    names = ("p50_ms", "p99_ms", "api_cpu_share")
    rows = [
        [f"{k}, {half}", *(f"{one[half][name]:g}" for name in names), f"{one['readings']:,}"]
        for k, one in enumerate(result["rounds"], 1)
        for half in ("without", "with")
    ]
    table("Rounds", ("", "p50 ms", "p99 ms", "CPU of the API", "readings on streams"), rows)
    show_goals(result)
    for line in result["wrong"]:
        typer.echo(line)
    raise typer.Exit(1 if result["wrong"] else 0)
