"""`muster bench tabs`: what open pages of the console cost those who ask the API meanwhile.

Half of the tabs show the overview, which asks for its parts every ten seconds; half show a
terminal each, which follows its live stream and asks for the newest values when a reading comes.
In each round the same requests are made at the same pace without tabs and with them, while the
same readings are committed. Each reading must come on its stream, once, and every page that was
asked for must be answered, or the run has failed.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.bench import ingest, live
from deploy.bench.figures import figures
from deploy.bench.processes import Child
from deploy.bench.serving import serving
from deploy.bench.stand import Stand, built

_PATIENCE_SECONDS = 300.0
_SPEAKS_EVERY_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many tabs, and how often is asked beside them."""

    tabs: int = 200
    requests: int = 600
    requests_a_second: int = 20
    rounds: int = 5


def run(plan: Plan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure and compare; the result as JSON, `wrong` empty where every tab got its own."""
    tell("starting a throwaway database")
    half = plan.tabs // 2
    asking = live.Plan(
        streams=half, terminals_each=1, requests=plan.requests,
        requests_a_second=plan.requests_a_second,
    )  # fmt: skip
    with built(half, 1) as stand:
        stand.cluster.set_password("muster_api")
        keys, profile, ids = asyncio.run(live.prepared(stand, asking))
        a_batch = max(1, round(half / _SPEAKS_EVERY_SECONDS * live.BATCH_SECONDS))
        speaker = live.Speaker(stand.dsn("muster_bridge"), profile, list(ids.values()), a_batch)
        with serving(stand) as (api, port):
            rounds = []
            for k in range(plan.rounds):
                tell(f"round {k + 1} of {plan.rounds}")
                rounds.append(_round(asking, stand, speaker, ids, keys, api, port))
        described = ingest.machine(stand)
    without, beside = ([r[name]["p99_ms"] for r in rounds] for name in ("without", "with"))
    return {
        "benchmark": "tabs",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described,
        "plan": asdict(plan),
        "figures": [
            asdict(figure)
            for figure in figures([("p99", "p99 with tabs / without", "<=", 1.2, beside, without)])
        ],
        "rounds": rounds,
        "wrong": [line for r in rounds for line in r.pop("wrong")],
    }


def _round(
    asking: live.Plan,
    stand: Stand,
    speaker: live.Speaker,
    ids: dict[str, int],
    keys: Sequence[str],
    api: Child,
    port: int,
) -> dict[str, Any]:
    """The same without tabs and with them."""
    with speaker.speaking():
        without = live.ask(asking, stand, keys[0], api, port)
    with Child("deploy.bench.tab_readers", [str(port)]) as readers:
        metric = speaker.profile.metrics[0].name
        readers.send({"keys": keys, "terminals": stand.terminals, "metric": metric})
        opened = readers.read(_PATIENCE_SECONDS)["open"]
        speaker.said.clear()
        first = speaker.number
        with speaker.speaking():
            beside = live.ask(asking, stand, keys[0], api, port)
        got = live.settled(readers, speaker.number - first)
    wanted = [sorted(speaker.said.get(ids[code], ())) for code in stand.terminals]
    return {
        "without": without,
        "with": beside,
        "open": opened,
        "readings": sum(map(len, got["got"])),
        "pages": got["pages"],
        "wrong": live.compare(wanted, got["got"]) + got["ends"],
    }
