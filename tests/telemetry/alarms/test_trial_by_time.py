"""The trial of rules that are judged by time: as a plain model has it, as the live judge did it."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from foundation.database import transaction
from telemetry.alarms import trial
from telemetry.alarms.trial_by_time import Spell, absences, silences
from tests.country import everything
from tests.telemetry.alarms.test_vigil import ABSENT, DATA, SESSION, Guarded, guarded
from tests.telemetry.ground import execute
from tests.telemetry.test_presence import NOON, SECOND

__all__ = ["guarded"]  # a fixture of these tests, too

END = 400


def watched(changes: dict[int, bool], for_: int, back: int) -> list[Spell]:
    """Looked at every half moment: silent so long is an alarm, back so long is its end."""
    found, gone, here, raised = [], None, 0.0, None
    for half in range(2 * END + 1):
        now = half / 2
        if now in changes:
            present = changes[int(now)]
            gone, here = (None, now) if present else (now, here)
        if raised is None and gone is not None and now > gone + for_:
            raised = int(gone + for_)
        if raised is not None and gone is None and now > here + back:
            found.append(Spell(raised, int(here)))
            raised = None
    return found if raised is None else [*found, Spell(raised, None)]


@pytest.mark.parametrize("seed", range(20))
def test_silences_are_those_of_a_plain_watch(seed: int) -> None:
    """Flapping, with any patience for going and for coming back."""
    dice = Random(seed)
    times = sorted(dice.sample(range(1, END), dice.randint(0, 30)))
    changes = {at: bool((k + seed) % 2) for k, at in enumerate(times)}
    for_, back = dice.choice([0, 5, 17]), dice.choice([0, 3, 11])

    assert silences(changes.items(), for_, back, END) == watched(changes, for_, back)


@pytest.mark.parametrize("seed", range(10))
def test_absences_are_those_of_a_plain_watch(seed: int) -> None:
    """Each after as long as it was waited for then."""
    dice = Random(seed)
    came = sorted(dice.sample(range(END), dice.randint(0, 25)))
    waits = [dice.choice([5, 20, 60]) for _ in came]
    spells, last, raised = [], None, None
    for half in range(2 * END + 1):
        now = half / 2
        if now in came and raised is not None:
            spells.append(Spell(raised, int(now)))
        if now in came:
            last, raised = int(now), None
        due = None if last is None else last + waits[came.index(last)]
        if due is not None and raised is None and due < now <= END:
            raised = due
    spells += [] if raised is None else [Spell(raised, None)]

    assert absences(came, waits, END) == spells


async def test_a_trial_says_what_was_raised(guarded: Guarded) -> None:
    """Held against the same time, rules that were enabled would have raised what they did raise."""
    execute(guarded.database, "update registry.terminal set owner_since = '-infinity'")
    execute(guarded.database, "update registry.ownership set valid_from = '-infinity'")
    given: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        (DATA, {"for_seconds": 30}),
        (SESSION, {"for_seconds": 50}),
        (ABSENT, {"profile": "meter"}),
        ({"kind": "absent", "metric": "voltage_a", "seconds": 200}, {"profile": "meter"}),
    )
    held = [await guarded.hold(criterion, **more) for criterion, more in given]
    codes = ["M-1", "M-2"]
    await guarded.came(*codes, when=NOON)
    await guarded.told(*((code, True, NOON) for code in codes))
    await guarded.caught_up()
    await guarded.look(NOON + SECOND)
    dice, now, is_up = Random(3), NOON, dict.fromkeys(codes, True)
    for _ in range(24):
        now += timedelta(seconds=dice.randint(7, 190))
        code = dice.choice(codes)
        await guarded.look(now - SECOND)
        if dice.random() < 0.5:
            await guarded.came(code, when=now)
        else:
            is_up[code] = not is_up[code]
            await guarded.told((code, is_up[code], now))
        await guarded.look(now)
    end = now + timedelta(seconds=333)
    await guarded.look(end)

    raised = guarded.alarms("rule_id", "terminal", "raised_at", "cleared_at")
    async with transaction(guarded.pool, everything.settings()) as conn:
        for rule in held:
            tried = await trial.hold(conn, everything, rule.id, 1, end=end)
            would = sorted((one.terminal, one.since, one.until) for one in tried.raised)
            assert would == sorted(row[1:] for row in raised if row[0] == rule.id), rule.watched
            assert (tried.alarms, tried.open_at_the_end) == (
                len(would), sum(until is None for _, _, until in would)
            )  # fmt: skip
    assert {row[0] for row in raised} == {rule.id for rule in held}
