"""Results of benchmarks on a screen: progress, tables, goals that were met or missed."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

_QUIET = 0.1


def measured(
    measure: Callable[[Callable[[str], None]], dict[str, Any]], json_file: Path | None
) -> dict[str, Any]:
    """The result of a benchmark, whose progress is shown; kept in a file when asked for."""
    with Console(stderr=True).status("measuring") as status:
        result = measure(status.update)
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return result


def show(result: dict[str, Any]) -> None:
    turns = defaultdict(list)
    for turn in result["turns"]:
        turns[turn["qos"], turn["who"]].append(turn)
    columns = ("rate", "cpu_us", "broker_cpu_us", "database_cpu_us", "load_cpu_us", "resident_mb")
    rows = []
    for (level, who), of in turns.items():
        cells = [f"{median(turn[column] for turn in of):,.1f}" for column in columns]
        size = [turn["bytes_per_row"] for turn in of if turn["bytes_per_row"] is not None]
        rows.append([f"{who}, QoS {level}", *cells, f"{median(size):.1f}" if size else ""])
    table(
        "Medians of the rounds; CPU in us a message",
        ("", "messages/s", "CPU", "broker", "database", "load", "RSS MB", "B/row"),
        rows,
    )
    show_goals(result)
    foreign = median(turn["foreign_share"] for turn in result["turns"])
    if foreign > _QUIET:
        Console().print(
            f"The machine was not quiet: other work used {foreign:.0%} of the CPU time in the"
            " median turn. Rates say little then; CPU and bytes a message hold.",
            style="yellow",
        )


def show_goals(result: dict[str, Any]) -> None:
    rows = []
    for figure in result["figures"]:
        spread = (f"{figure[name]:g}" for name in ("median", "low", "high"))
        word = "met" if figure["met"] else "missed"
        rows.append([figure["goal"], figure["title"], *spread, figure["wanted"], word])
    table("Goals", ("goal", "figure", "median", "from", "to", "wanted", ""), rows)


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(title=title)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
