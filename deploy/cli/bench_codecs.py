"""`muster bench codecs`: the decoders alone, without a broker or a database."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.bench import codecs as codecs_bench
from deploy.cli.measured import measured, show_goals, table


def codecs(
    rounds: Annotated[int, typer.Option(min=1, help="How often each codec has its turn.")] = 7,
    messages: Annotated[int, typer.Option(min=100, help="Messages a turn.")] = 20_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """CPU a message of each codec on other people's frames, against `json` with four metrics."""
    plan = codecs_bench.Plan(rounds=rounds, messages=messages)
    result = measured(lambda tell: codecs_bench.run(plan, tell), json_file)
    table(
        "CPU in us a message, medians of the rounds",
        ("", "frames", "bytes", "us", "slowest case", "us"),
        [
            [
                one["who"],
                str(one["frames"]),
                f"{one['bytes']:g}",
                f"{one['us']:.2f}",
                one["slowest"].get("case", ""),
                f"{one['slowest'].get('us', '')}",
            ]
            for one in result["contenders"]
        ],
    )
    show_goals(result)
