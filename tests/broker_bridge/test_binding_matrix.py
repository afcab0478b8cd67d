"""The binding matrix over a real bridge: each mode of a rule against what a terminal can say.

With `-rP`, or in a report, it tells in how many seconds what is wrong was found.
"""

import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from deploy.embedded.processes import wait_until
from foundation.database import Pool, transaction
from registry.bindings import Mode
from tests.broker_bridge.identified import (
    APART,
    BY_A_RIVAL,
    OFF,
    OK,
    RIVAL,
    SWAPPED,
    UNPROVEN,
    Found,
    Meter,
    Said,
    at_home,
    bind,
    enrol,
    told,
    verdict,
)
from tests.broker_bridge.running import SECONDS, Bridge, Publisher
from tests.conftest import Database, TestBroker
from tests.country import everything


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """The small country."""
    async with at_home(database) as opened:
        yield opened


# What is said after the truth; then by mode (off, first seen, exact, list, TAC) the verdict, and
# what is told of who said it.
_MATRIX: dict[str, tuple[list[Found], list[str]]] = {
    "same": ([OFF, OK, OK, OK, OK], [""] * 5),
    "imei of the same type": (
        [OFF, APART, APART, APART, OK],
        ["device_changed", "separation", "separation", "separation", "device_changed"],
    ),
    "imei of another type": (
        [OFF, APART, APART, OK, APART],
        ["device_changed", "separation", "separation", "device_changed", "separation"],
    ),
    "iccid changed": ([OFF, *[SWAPPED] * 4], ["sim_changed"] * 5),
    "rival imsi": ([OFF, *[BY_A_RIVAL] * 4], ["rival_sim"] * 5),
    "clone": ([OFF, *[OK] * 4], ["imei_twice"] * 5),
    "silent about itself": ([OFF, *[OK] * 4], [""] * 5),
}


def twin_of(meter: Meter) -> Meter:
    """The terminal with another SIM that is a clone of this one, by what it says."""
    return Meter(meter.n + 100)


def says(name: str, meter: Meter) -> Said:
    """What a terminal says in a row of the matrix."""
    truth = meter.truth
    return {
        "same": truth,
        "imei of the same type": truth | {"imei": meter.imei(serial=500_000)},
        "imei of another type": meter.other_type(),
        "iccid changed": truth | {"iccid": f"898604000000009{meter.n:05}"},
        "rival imsi": truth | {"iccid": "89860100000000000001", "imsi": meter.imsi(RIVAL)},
        "clone": {"imei": meter.imei(), "iccid": twin_of(meter).iccid, "boot": "c"},
        "silent about itself": {"firmware": "1.2", "boot": "b1"},
    }[name]


async def test_the_binding_matrix(
    database: Database,
    broker: TestBroker,
    pool: Pool,
    record_property: Callable[[str, object], None],
) -> None:
    """Each mode against each thing that can be said: verdict and events, each once, and healing.

    Counts the seconds from what is said to the event: kept with the result, and not judged.
    """
    cells = {
        Meter(k): (name, mode)
        for k, (name, mode) in enumerate(((n, m) for n in _MATRIX for m in Mode), 1)
    }
    twins = {meter: twin_of(meter) for meter, (name, _) in cells.items() if name == "clone"}
    await enrol(pool, broker, [*cells, *twins.values()])
    async with transaction(pool, everything.settings()) as conn:
        await conn.execute(
            "update registry.hardware set valid_to = now() from registry.terminal t"
            " where t.id = terminal_id and t.code = any (%s)",
            ([twin.code for twin in twins.values()],),
        )
    for meter, (_, mode) in cells.items():
        await bind(pool, meter, meter.rule(mode))
    wrong: dict[tuple[str, str], object] = {}
    seconds: list[float] = []
    sent = 0

    def is_told(code: str, before: int) -> bool:
        return len(told(database).get(code, ())) > before

    def say(meter: Meter, said: Said, times: int = 1) -> None:
        nonlocal sent
        with Publisher(broker, meter.code) as speaker:
            speaker.say(*[said] * times, channel="hello")
        sent += times

    with Bridge(database, broker).ready() as bridge:
        for meter in cells:
            say(meter, meter.truth)
        bridge.settle(sent)
        for meter, (name, mode) in cells.items():
            if await verdict(pool, meter) != (OFF if mode is Mode.OFF else OK):
                wrong[name, mode] = "at first", await verdict(pool, meter)
        firsts = told(database)
        assert firsts == {
            meter.code: ["first_seen"]
            for meter, (_, mode) in cells.items()
            if mode is Mode.FIRST_SEEN
        }
        for meter, (name, _) in cells.items():
            before = len(told(database).get(twins.get(meter, meter).code, ()))
            began = time.monotonic()
            say(twins.get(meter, meter), says(name, meter))
            if name not in {"same", "silent about itself"}:
                code = twins.get(meter, meter).code
                assert wait_until(partial(is_told, code, before), SECONDS)
                seconds.append(time.monotonic() - began)
        bridge.settle(sent)
        for meter, (name, mode) in cells.items():
            verdicts, events = _MATRIX[name]
            column = [*Mode].index(mode)
            code = twins.get(meter, meter).code
            since = told(database).get(code, [])[len(firsts.get(code, ())) :]
            found = await verdict(pool, meter), since
            if found != (verdicts[column], [events[column]] if events[column] else []):
                wrong[name, mode] = found
        once = told(database)
        for meter, (name, _) in cells.items():
            say(twins.get(meter, meter), says(name, meter), times=2)
        bridge.settle(sent)
        assert told(database) == once
        for meter in cells:
            say(meter, meter.truth)
        bridge.settle(sent)
        for meter, (name, mode) in cells.items():
            if await verdict(pool, meter) != (OFF if mode is Mode.OFF else OK):
                wrong[name, mode] = "healed", await verdict(pool, meter)
        healed = {code for code, kinds in told(database).items() if "restored" in kinds}
    assert wrong == {}
    assert healed == {
        meter.code
        for meter, (name, _) in cells.items()
        if _MATRIX[name][1] != [""] * 5 and name != "clone"
    }
    seconds.sort()
    said = f"median {seconds[len(seconds) // 2]:.2f} s, longest {seconds[-1]:.2f} s"
    print(f"seconds to detection: {said}, over {len(seconds)} findings")  # noqa: T201
    record_property("seconds_to_detection", f"{said}, over {len(seconds)} findings")


async def test_who_never_said_is_unproven(
    database: Database, broker: TestBroker, pool: Pool
) -> None:
    """Neither silence nor half of the pair proves anything, in any mode."""
    meters = {Meter(k): mode for k, mode in enumerate(Mode, 1) if mode is not Mode.OFF}
    await enrol(pool, broker, meters)
    for meter, mode in meters.items():
        await bind(pool, meter, meter.rule(mode))
    with Bridge(database, broker).ready() as bridge:
        for meter in meters:
            with Publisher(broker, meter.code) as speaker:
                speaker.say({"firmware": "1.2", "boot": "b1"}, channel="hello")
                speaker.say({"imei": meter.imei()}, channel="hello")
                speaker.say({"voltage_a": 230.0})
        bridge.settle(3 * len(meters))
        assert bridge.fates() == {"stored": 3 * len(meters)}
    assert {await verdict(pool, meter) for meter in meters} == {UNPROVEN}
    assert told(database) == {}
