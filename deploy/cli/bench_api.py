"""`muster bench api`: reading through the API beside the same SQL run by hand."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.bench import api as api_bench
from deploy.cli.measured import measured, show_goals, table


def api(
    terminals: Annotated[int, typer.Option(min=1000, help="On the roll at last.")] = 3_000_000,
    rows: Annotated[int, typer.Option(min=100_000, help="Stored at last.")] = 100_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each size.")] = 3,
    often: Annotated[int, typer.Option(min=2, help="How often a round asks each thing.")] = 40,
    seconds: Annotated[float, typer.Option(min=1, help="For which several ask at once.")] = 10,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Series, newest values and pages by API and by SQL, at a small size and a large one."""
    sizes = ((api_bench.TALKING, min(rows, 1_000_000)), (terminals, rows))
    plan = api_bench.Plan(sizes=sizes, rounds=rounds, often=often, seconds=seconds)
    result = measured(lambda tell: api_bench.run(plan, tell), json_file)
    for size in result["sizes"]:
        at_once = {crowd["title"]: crowd for crowd in size["at_once"]}
        table(
            f"{size['terminals']:,} terminals, {size['rows']:,} rows",
            ("", "API / SQL", "API ms", "p99", "SQL ms", "answers/s", "a CPU second"),
            [
                [
                    title,
                    " ".join(f"{turn['ratio']:g}" for turn in turns),
                    *(f"{turns[-1][name]:g}" for name in ("api_ms", "api_p99_ms", "sql_ms")),
                    *(f"{at_once[title][name]:g}" for name in ("a_second", "a_cpu_second")),
                ]
                for title, turns in size["turns"].items()
            ],
        )
        resident = size["resident_mb"]
        typer.echo(f"The API held {resident['at first']:g} MB, then {resident['at last']:g} MB.")
    show_goals(result)
