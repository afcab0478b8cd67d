"""`muster bench storage`: what a message takes on disk, plain and compressed."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.bench import storage as storage_bench
from deploy.cli.measured import measured, show_goals, table


def storage(
    server: Annotated[
        str, typer.Argument(help="A superuser's address on a server that compresses.")
    ],
    terminals: Annotated[int, typer.Option(min=10, help="Each reports every minute.")] = 1000,
    hours: Annotated[int, typer.Option(min=1, max=48, help="For so long.")] = 24,
    late: Annotated[int, typer.Option(min=10, help="Messages that come afterwards.")] = 10_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """P10 in a throwaway database there: bytes a message, with and without decimals."""
    plan = storage_bench.Plan(terminals=terminals, hours=hours, late=late)
    result = measured(lambda tell: storage_bench.run(plan, server, tell), json_file)
    kinds = ("store", "compress", "late", "again")
    table(
        f"{result['rows']:,} messages of four metrics: bytes, and us a message",
        ("", "plain", "compressed", *kinds),
        [
            [code, *(str(one["bytes_a_message"][form]) for form in ("plain", "compressed")),
             *(str(one["microseconds_a_message"][kind]) for kind in kinds)]
            for code, one in result["profiles"].items()
        ],
    )  # fmt: skip
    show_goals(result)
    for line in result["wrong"]:
        typer.echo(line)
    raise typer.Exit(1 if result["wrong"] else 0)
