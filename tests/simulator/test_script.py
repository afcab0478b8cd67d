"""A terminal's script: repeatable, in order, and true about the fate of what it sends."""

from collections import Counter
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import imei as imei_numbers
from stdnum import luhn

from deploy.reference.clients import Story
from deploy.simulator import fleet
from deploy.simulator.behaviour import Behaviour, BehaviourInvalid
from deploy.simulator.fleet import FleetInvalid, FleetMissing, FleetOpen, Identity
from deploy.simulator.script import Kind, Line, Script
from telemetry.watch import LATE_SECONDS
from tests.simulator.members import PROFILES, member

START = 1_795_400_000.0
NEAT = Behaviour(jitter=0.0)


def lines(script: Script, count: int) -> list[Line]:
    return list(islice(script.lines(START), count))


def document(line: Line) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(line.message.payload)
    return found


def test_readings_come_at_their_interval_and_are_numbered_from_one() -> None:
    """Without knobs: one reading an interval, seq 1, 2, 3, each with its time and all metrics."""
    told = lines(Script(member("smart_meter", interval_seconds=10), NEAT, boot=5), 4)

    assert [round(b.at - a.at, 3) for a, b in pairwise(told)] == [10.0] * 3
    assert 0 <= told[0].at - START <= 10
    for number, line in enumerate(told, 1):
        fields = document(line)
        assert (fields["seq"], line.message.seq) == (number, number)
        assert fields["ts"] == line.message.ts_ms == round(line.at * 1000)
        assert list(fields["values"]) == [m.name for m in PROFILES["smart_meter"].metrics]
        assert (line.message.kind, line.message.expected) == (Kind.READING, "stored")


def test_a_simulator_that_starts_again_says_the_same_of_the_same_moment() -> None:
    """What was measured does not depend on when the script was begun."""
    meter = member("smart_meter", interval_seconds=10)
    early = {document(x)["ts"]: document(x)["values"] for x in lines(Script(meter, NEAT, 1), 30)}
    late = Script(meter, NEAT, 2).lines(START + 100)
    for line in islice(late, 5):
        assert early[document(line)["ts"]] == document(line)["values"]


@given(
    jitter=st.floats(0, 1),
    late=st.floats(0, 1),
    duplicates=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_any_knobs_leave_the_script_in_order_and_its_times_unique(
    jitter: float, late: float, duplicates: float, seed: int
) -> None:
    """Lines are due in order; two different readings never have the same time."""
    knobs = Behaviour(seed=seed, jitter=jitter, late=late, duplicates=duplicates)
    told = lines(Script(member("smart_meter", interval_seconds=1), knobs, 1), 60)

    assert [line.at for line in told] == sorted(line.at for line in told)
    first_times = [x.message.ts_ms for x in told if x.message.expected == "stored"]
    assert len(first_times) == len(set(first_times))


def test_a_duplicate_is_the_same_payload_again() -> None:
    """With every reading doubled, each payload is there twice: stored, then duplicate."""
    told = lines(Script(member("alarm_panel"), Behaviour(duplicates=1.0), 1), 40)
    readings = [line for line in told if line.message.kind is Kind.READING]

    for first, again in zip(readings[::2], readings[1::2], strict=False):
        assert first.message.payload == again.message.payload
        assert (first.message.expected, again.message.expected) == ("stored", "duplicate")


def test_a_late_reading_keeps_the_time_at_which_it_was_measured() -> None:
    """Kept back for 3 to 30 intervals, and never lost."""
    meter = member("smart_meter", interval_seconds=10)
    told = lines(Script(meter, Behaviour(late=1.0, jitter=0.0), 1), 200)
    delays = [line.at - document(line)["ts"] / 1000 for line in told]
    assert all(30 - 0.002 <= delay <= 300.002 for delay in delays)

    numbers = sorted(document(line)["seq"] for line in told)
    assert numbers[:150] == list(range(1, 151))


def test_broken_readings_come_in_every_way_that_the_profile_allows() -> None:
    """Each way is used, and is what it says: the payload shows its own reason."""
    knobs = Behaviour(broken=1.0)
    told = lines(Script(member("smart_meter"), knobs, 1), 200)
    seen = Counter(line.message.expected for line in told)

    assert set(seen) == {
        f"quarantined:{reason}"
        for reason in ("malformed", "clock", "unknown_metric", "wrong_type", "out_of_range")
    }
    for line in told:
        payload, reason = line.message.payload, str(line.message.expected).partition(":")[2]
        if reason == "malformed":
            with pytest.raises(orjson.JSONDecodeError):
                orjson.loads(payload)
            continue
        fields = orjson.loads(payload)
        if reason == "clock":
            assert fields["ts"] < 86_400_001
        elif reason == "unknown_metric":
            assert list(fields["values"]) == ["no_such_metric"]
        elif reason == "wrong_type":
            assert fields["values"] == {"voltage_a": "plenty"}
        else:
            assert fields["values"] == {"voltage_a": 2610}


def test_a_meter_with_wrong_units_sends_kilovolts() -> None:
    """Its voltages are a thousandth of what they should be; currents and energy are not touched."""
    wrong, right = (
        document(lines(Script(member("smart_meter", story=story), NEAT, 1), 1)[0])["values"]
        for story in (Story.WRONG_UNITS, None)
    )
    volts = [name for name in right if name.startswith("voltage")]
    assert [wrong[name] for name in volts] == [round(right[name] / 1000, 4) for name in volts]
    assert {k: v for k, v in wrong.items() if k not in volts} == {
        k: v for k, v in right.items() if k not in volts
    }


def test_the_silent_city_says_one_old_reading_and_no_more() -> None:
    """Twenty minutes old, and then the script ends."""
    told = list(Script(member("smart_meter", story=Story.SILENT_CITY), NEAT, 1).lines(START))
    assert len(told) == 1
    assert 1200 - 60 <= told[0].at - document(told[0])["ts"] / 1000 <= 1200 < LATE_SECONDS


IDENTITY = Identity(imei="863456781234560", imsi="460041234567890", iccid="89860412345678901234")


@pytest.mark.parametrize("story", [None, Story.TRANSFERRED, Story.SEPARATED, Story.RIVAL])
def test_hello_tells_who_is_there(story: Story | None) -> None:
    """The identity on record, but for the one field that the story changes; it stays plausible."""
    script = Script(member("smart_meter", story=story, identity=IDENTITY), NEAT, boot=77)
    said = orjson.loads(script.hello().payload)

    assert said.pop("boot") == 77
    known = IDENTITY.model_dump(exclude_none=True)
    differing = {name for name in known if said[name] != known[name]}
    assert set(said) == set(known)
    lies = {Story.SEPARATED: {"imei"}, Story.RIVAL: {"imsi"}}
    assert differing == (lies.get(story, set()) if story else set())
    if story is Story.SEPARATED:
        assert (said["imei"][:8], len(said["imei"])) == ("86345678", 15)
        assert luhn.is_valid(said["imei"])
        assert imei_numbers.is_valid(said["imei"])
    if story is Story.RIVAL:
        assert (said["imsi"][:5], len(said["imsi"])) == ("46005", 15)


def test_a_panel_tells_its_events_between_its_readings() -> None:
    """In a day an alarm panel is disarmed and armed, each on the event topic with its own time."""
    told = lines(Script(member("alarm_panel", interval_seconds=300), NEAT, 1), 330)
    events = [line for line in told if line.message.kind is Kind.EVENT]

    assert {"armed", "disarmed"} <= {document(line)["code"] for line in events}
    for line in events:
        assert line.message.suffix == "event"
        assert 0 <= line.at - document(line)["ts"] / 1000 <= 300


@pytest.mark.parametrize(
    "knobs", [{"late": 1.1}, {"jitter": -0.1}, {"interval_seconds": 0.0}, {"qos": 2}]
)
def test_a_knob_outside_its_range_is_refused(knobs: dict[str, Any]) -> None:
    """And the refusal names the knob."""
    with pytest.raises(BehaviourInvalid) as refused:
        Behaviour(**knobs)
    assert refused.value.field is not None
    assert next(iter(knobs)).startswith(refused.value.field)


def test_a_fleet_file_is_read_back_as_written(tmp_path: Path) -> None:
    """And only its owner may read it."""
    path = tmp_path / "fleet.json"
    members = [
        member(profile, code=f"T-{number}", story=Story.RIVAL, identity=IDENTITY)
        for number, profile in enumerate(PROFILES)
    ]
    fleet.write(path, members)

    assert fleet.read(path) == members
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_fleet_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """It holds credentials."""
    path = tmp_path / "fleet.json"
    fleet.write(path, [member("smart_meter")])
    path.chmod(0o644)
    with pytest.raises(FleetOpen):
        fleet.read(path)


def test_a_missing_fleet_file_says_so(tmp_path: Path) -> None:
    """With the way to get one."""
    with pytest.raises(FleetMissing):
        fleet.read(tmp_path / "fleet.json")


WITH_AN_UNKNOWN_REPLAY = (
    b'{"code":"a","password":"x","profile":"p","replay":"none",'
    b'"metrics":[{"name":"m","type":"double"}]}'
)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b"{", "line"),
        (b'{"code":"a b","password":"x","profile":"p","metrics":[]}', "code"),
        (b'{"code":"a","password":"x","profile":"p","metrics":[]}', "metrics"),
        (WITH_AN_UNKNOWN_REPLAY, "replay"),
    ],
)
def test_a_faulty_fleet_line_is_named_without_its_password(
    tmp_path: Path, line: bytes, place: str
) -> None:
    """The number of the line and the field; never what stands in it."""
    path = tmp_path / "fleet.json"
    fleet.write(path, [member("smart_meter", code="good")])
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(FleetInvalid, match=f"Line 2 .*{place}"):
        fleet.read(path)


def test_a_terminal_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """Two connections of one client id would cut each other off for ever."""
    path = tmp_path / "fleet.json"
    fleet.write(path, [member("smart_meter"), member("alarm_panel")])
    with pytest.raises(FleetInvalid, match="SIM-1 stands twice"):
        fleet.read(path)


def test_with_a_history_the_silent_city_spoke_until_it_fell_silent() -> None:
    """Every reading of two hours but the last twenty minutes, in order, and then no more."""
    past = replace(NEAT, history_seconds=7200)
    told = list(Script(member("smart_meter", story=Story.SILENT_CITY), past, 1).lines(START))
    times = [document(line)["ts"] / 1000 - START for line in told]

    assert times == sorted(times)
    assert 0 <= times[0] < 60
    assert 6000 <= times[-1] < 6060
    assert len(times) == len(set(times)) in range(100, 103)
