"""`muster bench exposition`: series for Prometheus, from memory and scraped from a database."""

from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from deploy.bench import exposition as exposition_bench
from deploy.cli.measured import measured, show_goals, table


def exposition(
    series: Annotated[int, typer.Option(min=10, help="Written from memory.")] = 1_000_000,
    terminals: Annotated[
        list[int] | None, typer.Option(min=10, help="Of clients that are scraped.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """P9: series beside those of prometheus_client, and scrapes of group clients over HTTP."""
    sizes = tuple(terminals or exposition_bench.Plan().sizes)
    plan = exposition_bench.Plan(series=series, sizes=sizes, rounds=rounds)
    result = measured(lambda tell: exposition_bench.run(plan, tell), json_file)
    table(
        f"{series:,} series from memory: seconds",
        ("", "s"),
        [[who, " ".join(f"{one:g}" for one in took)] for who, took in result["written"].items()],
    )
    table(
        "Scrapes over HTTP, medians; keeping 1,000 newest values, median (longest)",
        ("terminals", "series", "ms", "gzip ms", "MB", "gzip MB", "CPU ms", "RSS MB",
         "keeping, alone ms", "beside scrapes ms"),
        [
            [
                f"{of['terminals']:,}",
                f"{of['series']:,}",
                *(f"{median(each):g}" for each in of["ms"].values()),
                *(f"{size / 1e6:.1f}" for size in of["bytes"].values()),
                f"{of['cpu_ms']}",
                f"{of['resident_mb']:g}",
                *(f"{median(each):g} ({max(each):g})" for each in of["keeping_ms"].values()),
            ]
            for of in result["scraped"]
        ],
    )  # fmt: skip
    show_goals(result)
