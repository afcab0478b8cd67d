"""`muster bench`: each benchmark with its yardstick in the same run."""

import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.bench import ingest as ingest_bench
from deploy.bench.contenders import Who

_QUIET = 0.1

app = typer.Typer()
bench = typer.Typer(no_args_is_help=True, help="Measure, with the yardstick in the same run.")
app.add_typer(bench, name="bench")


@bench.callback()
def _bench() -> None:
    """Measure, with the yardstick in the same run."""


@bench.command()
def ingest(
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender has its turn.")] = 5,
    messages: Annotated[int, typer.Option(min=1000, help="Messages a turn.")] = 300_000,
    terminals: Annotated[int, typer.Option(min=1, help="Terminals on the roll.")] = 1000,
    connections: Annotated[int, typer.Option(min=1, help="Connections of the load.")] = 8,
    window: Annotated[int, typer.Option(min=1, help="Unacknowledged a connection.")] = 2000,
    qos: Annotated[list[int] | None, typer.Option(min=0, max=1, help="One level only.")] = None,
    only: Annotated[list[Who] | None, typer.Option(help="These contenders only.")] = None,
    disk_messages: Annotated[
        int, typer.Option(min=0, help="Messages of the turn that is weighed on disk; 0 for none.")
    ] = 1_000_000,
    broker_setting: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="In place of what the embedded broker has."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """P1, P2, P4 and the plain half of P10: durable ingest, and what it is measured against."""
    plan = ingest_bench.Plan(
        rounds=rounds,
        messages=messages,
        terminals=min(terminals, messages),
        connections=min(connections, terminals),
        window=window,
        disk_messages=disk_messages,
        levels=tuple(qos or (0, 1)),
        contenders=tuple(only or Who),
        broker_settings=dict(_pair(one) for one in broker_setting or ()),
    )
    progress = Console(stderr=True)
    with progress.status("measuring") as status:
        result = ingest_bench.run(plan, status.update)
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    _show(result)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text} is not NAME=VALUE", param_hint="--broker-setting")
    return name, value


def _show(result: dict[str, Any]) -> None:
    console = Console()
    turns = defaultdict(list)
    for turn in result["turns"]:
        turns[turn["qos"], turn["who"]].append(turn)
    table = Table(title="Medians of the rounds; CPU in us a message")
    for heading in ("", "messages/s", "CPU", "broker", "database", "load", "RSS MB", "B/row"):
        table.add_column(heading, justify="left" if not heading else "right")
    columns = ("rate", "cpu_us", "broker_cpu_us", "database_cpu_us", "load_cpu_us", "resident_mb")
    for (level, who), of in turns.items():
        cells = [f"{median(turn[column] for turn in of):,.1f}" for column in columns]
        size = [turn["bytes_per_row"] for turn in of if turn["bytes_per_row"] is not None]
        table.add_row(f"{who}, QoS {level}", *cells, f"{median(size):.1f}" if size else "")
    console.print(table)
    goals = Table(title="Goals")
    for heading in ("goal", "figure", "median", "from", "to", "wanted", ""):
        goals.add_column(heading)
    for figure in result["figures"]:
        spread = (f"{figure[name]:g}" for name in ("median", "low", "high"))
        word = "met" if figure["met"] else "missed"
        goals.add_row(figure["goal"], figure["title"], *spread, figure["wanted"], word)
    console.print(goals)
    foreign = median(turn["foreign_share"] for turn in result["turns"])
    if foreign > _QUIET:
        console.print(
            f"The machine was not quiet: other work used {foreign:.0%} of the CPU time in the"
            " median turn. Rates say little then; CPU and bytes a message hold.",
            style="yellow",
        )
