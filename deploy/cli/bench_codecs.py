"""`muster bench codecs` and `bench fuzz`: the decoders alone, without broker and database."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.bench import codecs as codecs_bench
from deploy.bench import fuzz as fuzz_bench
from deploy.cli.measured import measured, show_goals, table

_SHOWN = 20


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


def fuzz(
    inputs: Annotated[int, typer.Option(min=1, help="Over all codecs.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="The same gives the same inputs.")] = 1,
    first: Annotated[int, typer.Option(min=0, help="Number of the first one.")] = 0,
    keep: Annotated[Path, typer.Option(help="Where what fails is kept.")] = Path("fuzz-failures"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Damaged frames and random bytes for every codec; exits with 1 if one breaks a promise."""
    plan = fuzz_bench.Plan(inputs=inputs, seed=seed, first=first)
    result = measured(lambda tell: fuzz_bench.run(plan, tell, keep), json_file)
    outcomes = sorted({outcome for counts in result["codecs"].values() for outcome in counts})
    table(
        f"{inputs:,} inputs, seed {seed}, {result['seconds']:,.0f} s",
        ("", *result["codecs"]),
        [
            [outcome, *(f"{counts.get(outcome, 0):,}" for counts in result["codecs"].values())]
            for outcome in outcomes
        ],
    )
    for failure in result["failures"][:_SHOWN]:
        print(f"{failure['codec']}, input {failure['number']}: {failure['why']}")
    if result["failures"]:
        print(f"{len(result['failures'])} inputs broke a promise; they are kept in {keep}.")
        raise typer.Exit(1)
    print("Every input ended as promised.")
