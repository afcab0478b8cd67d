"""`muster bench`: each benchmark with its yardstick in the same run."""

import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.bench import flood as flood_bench
from deploy.bench import imports as imports_bench
from deploy.bench import ingest as ingest_bench
from deploy.bench import latency as latency_bench
from deploy.bench import peers as peers_bench
from deploy.bench import registry as registry_bench
from deploy.bench import spool as spool_bench
from deploy.bench import telegraf
from deploy.bench.contenders import Who
from deploy.cli import (
    bench_alarms,
    bench_api,
    bench_codecs,
    bench_exposition,
    bench_history,
    bench_live,
    bench_rollups,
    bench_rules,
    bench_storage,
)
from deploy.cli.measured import measured, show, show_goals, table
from deploy.ledger import faults as ledger_faults
from deploy.ledger import mutations
from deploy.ledger import run as ledger_bench

app = typer.Typer()
bench = typer.Typer(no_args_is_help=True, help="Measure, with the yardstick in the same run.")
app.add_typer(bench, name="bench")


@bench.callback()
def _bench() -> None:
    """Measure, with the yardstick in the same run."""


bench.command()(bench_codecs.codecs)
bench.command()(bench_codecs.fuzz)
bench.command()(bench_live.live)
bench.command()(bench_live.tabs)
bench.command()(bench_alarms.alarms)
bench.command()(bench_rules.rules)
bench.command()(bench_rollups.rollups)
bench.command()(bench_api.api)
bench.command()(bench_exposition.exposition)
bench.command()(bench_history.history)
bench.command()(bench_storage.storage)


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
    """P1, P2, P4 and the plain figure of P10: durable ingest, and what it is measured against."""
    plan = ingest_bench.Plan(
        rounds=rounds,
        messages=messages,
        terminals=min(terminals, messages),
        connections=min(connections, terminals),
        window=window,
        disk_messages=disk_messages,
        levels=tuple(qos or (0, 1)),
        contenders=tuple(only or ingest_bench.CONTENDERS),
        broker_settings=dict(_pair(one) for one in broker_setting or ()),
    )
    result = measured(lambda tell: ingest_bench.run(plan, tell), json_file)
    show(result)


@bench.command()
def peers(
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender has its turn.")] = 3,
    messages: Annotated[int, typer.Option(min=1000, help="Messages a turn.")] = 200_000,
    trial_messages: Annotated[int, typer.Option(min=1000, help="Messages of a trial.")] = 120_000,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second of a trial.")] = 1000,
    kills: Annotated[int, typer.Option(min=1, help="How often a contender is killed.")] = 3,
    outage_seconds: Annotated[float, typer.Option(help="How long the database is away.")] = 120,
    telegraf_binary: Annotated[
        Path | None, typer.Option("--telegraf", help="Telegraf; the one on PATH when not given.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """P3 and P4: speed beside Telegraf, aiomqtt and paho, and what each loses to a fault."""
    binary = telegraf.find(telegraf_binary)
    plan = ingest_bench.Plan(rounds=rounds, messages=messages, disk_messages=0)
    trial = peers_bench.Trial(
        messages=trial_messages, rate=rate, kills=kills, outage_seconds=outage_seconds
    )
    result = measured(lambda tell: peers_bench.run(plan, trial, binary, tell), json_file)
    show(result)
    table(
        f"Through faults, at QoS 1 and {rate:,.0f} messages/s",
        ("", "fault", "sent", "lost", "twice", "starts"),
        [[str(value) for value in outcome.values()] for outcome in result["outcomes"]],
    )
    if binary is None:
        Console().print("Telegraf was not found and took no part; `--telegraf PATH` names it.")


@bench.command()
def latency(
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured.")] = 3,
    messages: Annotated[int, typer.Option(min=1000, help="Messages of the rate's turn.")] = 200_000,
    probes: Annotated[int, typer.Option(min=10, help="Readings that are waited for.")] = 500,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """P6: from publishing a reading until a query finds it, at half the maximum rate."""
    plan = ingest_bench.Plan(rounds=rounds, messages=messages, disk_messages=0)
    asked = latency_bench.Latency(probes=probes)
    result = measured(lambda tell: latency_bench.run(plan, asked, tell), json_file)
    table(
        "Publish to query, ms",
        ("load, messages/s", "p50", "p99", "longest"),
        [
            [f"{one['rate'] or 0:,.0f}", *(str(one[name]) for name in ("p50", "p99", "longest"))]
            for one in result["rounds"]
        ],
    )
    show_goals(result)


@bench.command()
def flood(
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured.")] = 3,
    probes: Annotated[int, typer.Option(min=10, help="Readings that are waited for.")] = 200,
    seconds: Annotated[float, typer.Option(min=5, help="How long everybody sends.")] = 50,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """What others notice of one terminal at 10,000 messages/s, and of a client at 10x its tier."""
    plan = ingest_bench.Plan(rounds=rounds, disk_messages=0)
    asked = flood_bench.Flooding(probes=probes, seconds=seconds)
    result = measured(lambda tell: flood_bench.run(plan, asked, tell), json_file)
    table(
        "Publish to query of others, ms",
        ("beside", "p50", "p99", "longest", "stored", "flood"),
        [
            [str(one[name]) for name in ("turn", "p50", "p99", "longest", "stored", "flood")]
            for one in result["rounds"]
        ],
    )
    show_goals(result)


@bench.command()
def spool(
    rounds: Annotated[int, typer.Option(min=1, help="Turns with and without the database.")] = 3,
    messages: Annotated[int, typer.Option(min=1000, help="Messages a turn.")] = 200_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Ingest while the database is away, and the way back, against ingest with it (QoS 1)."""
    plan = ingest_bench.Plan(rounds=rounds, messages=messages, disk_messages=0)
    result = measured(lambda tell: spool_bench.run(plan, tell), json_file)
    show(result)
    table(
        "Others while the spool is drained",
        ("round", "messages/s", "of durable ingest", "then left in the spool"),
        [
            [str(one["round"]), f"{one['rate']:,.1f}", f"{one['share']:g}", f"{one['left']:,}"]
            for one in result["beside"]
        ],
    )


@bench.command()
def ledger(
    seed: Annotated[
        int | None, typer.Option(help="Of faults and messages; drawn if absent.")
    ] = None,
    messages: Annotated[int, typer.Option(min=100, help="Messages in all, at least.")] = 60_000,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second.")] = 1000,
    terminals: Annotated[int, typer.Option(min=1, help="Terminals on the roll.")] = 50,
    rounds: Annotated[int, typer.Option(help="How often each fault strikes at least.")] = 1,
    calm_seconds: Annotated[float, typer.Option(help="Most between two faults.")] = 6,
    fault: Annotated[list[str] | None, typer.Option(help="These only; see `--list`.")] = None,
    plain: Annotated[
        bool, typer.Option(help="Terminals trust the PUBACK; faults that lose it are left out.")
    ] = False,
    mutation: Annotated[
        str | None, typer.Option(help="Err on purpose: the books must not close. See `--list`.")
    ] = None,
    books: Annotated[Path, typer.Option(help="The journal, added to.")] = Path("ledger.jsonl"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Name faults and mutations.")] = False,
) -> None:
    """Load and faults, then an account of every message; exits with 1 if the books do not close."""
    if list_only:
        table("Faults", ("", "what"), [[n, str(f.__doc__)] for n, f in ledger_faults.ALL.items()])
        table("Mutations", ("", "what"), [[n, m.what] for n, m in mutations.ALL.items()])
        return
    impossible = {} if fault else ledger_faults.impossible(plain=plain)
    for name, why in impossible.items():
        print(f"{name} is left out: {why}.")
    plan = ledger_bench.Plan(
        seed=secrets.randbelow(2**31) if seed is None else seed,
        messages=messages,
        rate=rate,
        terminals=terminals,
        rounds=rounds,
        calm_seconds=calm_seconds,
        faults=tuple(
            _known(fault, ledger_faults.ALL, "--fault")
            or [name for name in ledger_faults.ALL if name not in impossible]
        ),
        plain=plain,
        mutation=next(
            iter(_known([mutation] if mutation else [], mutations.ALL, "--mutation")), None
        ),
    )
    with ledger_bench.Books(books) as journal:
        result = measured(lambda tell: ledger_bench.run(plan, journal, tell), json_file)
    struck = Counter(strike["fault"] for strike in result["strikes"])
    table(
        f"Seed {plan.seed}: {result['seconds']:,.0f} s, {result['terminals']['sent']:,} messages",
        ("fault", "struck", "with messages in flight"),
        [[name, str(n), str(result["hits"].get(name, 0))] for name, n in sorted(struck.items())],
    )
    verdict = result["verdict"]
    kept = ", ".join(f"{n} {reason}" for reason, n in sorted(verdict["quarantined"].items()))
    print(f"{verdict['stored']:,} rows stored; quarantined: {kept or 'nothing'}.")
    for line in verdict["faults"]:
        print(line)
    print("The books close." if result["closed"] else "The books do not close.")
    if result["logs"]:
        print(f"The logs are in {result['logs']}.")
    raise typer.Exit(0 if result["closed"] else 1)


@bench.command()
def registry(
    terminals: Annotated[int, typer.Option(min=2000, help="On the roll in the end.")] = 3_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of ingest at each size.")] = 2,
    messages: Annotated[int, typer.Option(min=1000, help="Messages a turn.")] = 200_000,
    pages: Annotated[int, typer.Option(min=2, help="How often each list is asked for.")] = 40,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """P5 and the page of P8: directory, ingest, lists, searches and counts as the roll grows."""
    between = [100_000] if terminals > 100_000 else []
    plan = registry_bench.Plan(
        sizes=(*between, terminals), rounds=rounds, messages=messages, pages=pages
    )
    result = measured(lambda tell: registry_bench.run(plan, tell), json_file)
    titles = result["sizes"][-1]["pages"]
    sizes = [size["terminals"] for size in result["sizes"]]
    table(
        "Pages, ms: median and 99th percentile",
        ("", *(f"{size:,}" for size in sizes)),
        [
            [
                title,
                *(
                    "{p50:g} / {p99:g}".format(**size["pages"][title])
                    if title in size["pages"]
                    else ""
                    for size in result["sizes"]
                ),
            ]
            for title in titles
        ],
    )
    said = ("seconds", "resident_mb", "grew_mb", "look_up_us")
    table(
        "The directory alone",
        ("terminals", *said),
        [
            [f"{size['terminals']:,}", *(f"{size['directory'][name]:g}" for name in said)]
            for size in result["sizes"]
        ],
    )
    show_goals(result)


@bench.command("import")
def imports(
    rows: Annotated[int, typer.Option(min=1000, help="Terminals of a file.")] = 200_000,
    rounds: Annotated[int, typer.Option(min=0, help="How many files are measured.")] = 3,
    kills: Annotated[
        int, typer.Option(min=0, help="How often one more file is broken off with kill -9.")
    ] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """P7: files of terminals with SIMs checked and applied, beside a COPY of the same rows."""
    plan = imports_bench.Plan(rows=rows, rounds=rounds, kills=kills)
    result = measured(lambda tell: imports_bench.run(plan, tell), json_file)
    rates = ("rate", "check_rate", "apply_rate", "copy_rate")
    others = ("of_copy", "cpu_us", "database_cpu_us", "copy_cpu_us", "foreign_share", "peak_mb")
    table(
        "Rows/s; CPU in us a row",
        ("rows", "both", "check", "apply", "COPY", "of COPY", "jobs", "database",
         "COPY", "others' CPU", "most MB"),
        [
            [f"{turn['rows']:,}", *(f"{turn[name]:,.0f}" for name in rates),
             *(f"{turn[name]:g}" for name in others)]
            for turn in [result["first"], *result["rounds"]]
        ],
    )  # fmt: skip
    show_goals(result)
    if result["broken_off"] is not None:
        counted = {k: str(v) for k, v in result["broken_off"].items()}
        table("Broken off with kill -9", ("", "is"), [list(pair) for pair in counted.items()])


def _known(names: Sequence[str] | None, known: Collection[str], option: str) -> list[str]:
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"{name} is none of {', '.join(known)}", param_hint=option)
    return list(names or ())


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text} is not NAME=VALUE", param_hint="--broker-setting")
    return name, value
