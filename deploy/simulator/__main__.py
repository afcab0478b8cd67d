"""`python -m deploy.simulator FLEET [HISTORY]`: a fleet file's terminals, until SIGTERM.

They begin with what they measured in the last HISTORY seconds, and go on at their own pace.

Configured by environment like every process; the knobs are for people, in `muster simulate`.
Exits 0 after a clean stop, 2 on bad settings or a bad fleet file, 3 when the file is too open.
"""

import sys
from pathlib import Path

import uvloop

from deploy.simulator import fleet, running
from deploy.simulator.behaviour import Behaviour
from deploy.simulator.ledger import Ledger
from foundation import logs, settings
from foundation.errors import Invalid, MusterError, Refused
from foundation.logs import get_logger
from foundation.shutdown import stop_event


def main(arguments: list[str]) -> int:
    """Run until told to stop; the exit code."""
    try:
        chosen = settings.load().require("broker_url")
        logs.configure(chosen, "simulator")
        members = fleet.read(Path(arguments[0]))
        ca_file = str(chosen.broker_ca_file) if chosen.broker_ca_file else None
        broker = running.Broker.at(str(chosen.broker_url), chosen.topic_prefix, ca_file)
        history_seconds = float(arguments[1]) if arguments[1:] else 0.0
        behaviour = Behaviour(history_seconds=history_seconds)
        uvloop.run(_work(members, behaviour, broker))
    except (IndexError, ValueError):
        sys.stderr.write("usage: python -m deploy.simulator FLEET [HISTORY]\n")
        return 2
    except MusterError as error:
        sys.stderr.write(f"simulator: {error} {error.hint}\n")
        if isinstance(error, Invalid):
            return 2
        return 3 if isinstance(error, Refused) else 1
    return 0


async def _work(members: list[fleet.Member], behaviour: Behaviour, broker: running.Broker) -> None:
    logger = get_logger(__name__)
    logger.info("simulating", terminals=len(members), broker=f"{broker.host}:{broker.port}")
    with Ledger() as ledger:
        await running.run(members, behaviour, broker, ledger, stop_event())
    logger.info("stopped", sent=ledger.summary.sent, acknowledged=ledger.summary.acknowledged)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
