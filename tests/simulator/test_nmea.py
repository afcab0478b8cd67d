"""NMEA sentences are read as gpsd reads them, and nothing else is taken for one."""

from datetime import UTC, datetime, time
from functools import reduce
from operator import xor
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.curves.vehicle_tracker import REPLAYS, SOURCES, track
from deploy.simulator.nmea import Gga, NotNmea, Rmc, fixes, parse

CHECKS = sorted(SOURCES.glob("*.chk"))
MPS_PER_KNOT = 0.514444


def signed(body: str) -> bytes:
    """A sentence with its checksum."""
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n".encode()


def pairs(check: Path) -> list[tuple[Rmc, dict[str, object]]]:
    """Each valid RMC of a gpsd check file, with the report that gpsd made of it."""
    found: list[tuple[Rmc, dict[str, object]]] = []
    waiting: Rmc | None = None
    for line in check.read_bytes().splitlines():
        if line.startswith(b"$") and b"RMC" in line:
            sentence = parse(line)
            waiting = sentence if isinstance(sentence, Rmc) else None
        elif waiting and b'"class":"TPV"' in line:
            report = orjson.loads(line)
            if report.get("time") == waiting.at.isoformat(timespec="milliseconds").replace(
                "+00:00", "Z"
            ):
                found.append((waiting, report))
            waiting = None
    return found


@pytest.mark.parametrize(
    ("check", "expected_pairs"),
    [
        ("beidou-bd.log.chk", 4),
        ("bu303-moving.log.chk", 12),
        ("quectel-L70.log.chk", 16),
        ("telit-pls83-w.log.chk", 20),
        ("ublox-neo-m8n.log.chk", 22),
    ],
)
def test_rmc_gives_what_gpsd_makes_of_it(check: str, expected_pairs: int) -> None:
    """Latitude, longitude and speed of every fix agree with gpsd to its last printed digit."""
    found = pairs(SOURCES / check)

    ours = [
        number
        for r, _ in found
        for number in (r.latitude, r.longitude, r.speed_knots * MPS_PER_KNOT)
    ]
    theirs = [told[name] for _, told in found for name in ("lat", "lon", "speed")]
    assert ours[0::3] == pytest.approx(theirs[0::3], abs=1.01e-9)
    assert ours[1::3] == pytest.approx(theirs[1::3], abs=1.01e-9)
    assert ours[2::3] == pytest.approx(theirs[2::3], abs=5.1e-4)
    assert len(found) == expected_pairs


def test_every_recorded_checksum_is_right() -> None:
    """No sentence that gpsd recorded is refused for its checksum or its fields."""
    lines = [
        line
        for check in CHECKS
        for line in check.read_bytes().splitlines()
        if line[:1] == b"$" and line[3:6] in {b"RMC", b"GGA"}
    ]

    for line in lines:
        parse(line)
    assert len(lines) > 150


def test_gga_gives_height_and_satellites() -> None:
    """Height above sea level in metres and satellites in use, at the time of day."""
    line = b"$GPGGA,150119.000,5104.0859,N,11405.7387,W,2,8,0.94,1102.4,M,-17.5,M,,*53\r\n"
    assert parse(line) == Gga(time(15, 1, 19), 8, 1102.4)


def test_west_and_south_are_negative() -> None:
    """The side letters give the signs."""
    sentence = parse(signed("GPRMC,150119.000,A,5104.0859,S,11405.7387,W,0.09,194.17,090322,,,D"))
    assert sentence == Rmc(
        datetime(2022, 3, 9, 15, 1, 19, tzinfo=UTC),
        -(51 + 4.0859 / 60),
        -(114 + 5.7387 / 60),
        0.09,
        194.17,
    )


@pytest.mark.parametrize(
    "line",
    [
        signed("GNRMC,074150.799,V,,,,,,,250215,,,N"),
        signed("GNGGA,074150.799,,,,,0,00,,,M,0.0,M,,0000"),
        signed("GPGSA,A,1,,,,,,,,,,,,,,,"),
    ],
)
def test_a_sound_sentence_without_a_fix_is_nothing(line: bytes) -> None:
    """A receiver that has no fix yet, or another kind of sentence, is passed over."""
    assert parse(line) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"$GPRMC,150119.000,A,5104.0859,N,11405.7387,W,0.09,194.17,090322,,,D*74",
        b"$GPRMC,150119.000,A,5104.0859,N,11405.7387,W,0.09,194.17,090322,,,D",
        signed("GPRMC,150119.000,A,9104.0859,N,11405.7387,W,0.09,194.17,090322,,,D"),
        signed("GPRMC,150119.000,A,5160.0859,N,11405.7387,W,0.09,194.17,090322,,,D"),
        signed("GPRMC,150119.000,A,5104.0859,X,11405.7387,W,0.09,194.17,090322,,,D"),
        signed("GPRMC,150119.000,A,5104.0859,N,11405.7387,W,nan,194.17,090322,,,D"),
        signed("GPRMC,250119.000,A,5104.0859,N,11405.7387,W,0.09,194.17,090322,,,D"),
        signed("GPRMC,150119.000,A,5104.0859,N,11405.7387,W,0.09,194.17,310222,,,D"),
        signed("GPRMC,150119.000,A"),
        signed("GPGGA,150119.000,5104.0859,N,11405.7387,W,2,8,0.94,1102.4,F,-17.5,M,,"),
    ],
)
def test_what_cannot_be_is_refused(line: bytes) -> None:
    """A wrong checksum, a field out of its range, or a field that is missing."""
    with pytest.raises(NotNmea):
        parse(line)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_fix_or_nothing_or_refused(line: bytes) -> None:
    """No input raises anything but NotNmea."""
    try:
        parse(line)
    except NotNmea:
        return


@pytest.mark.parametrize(
    ("replay", "expected_fixes"),
    [
        ("beidou-bd", 5),
        ("quectel-l70", 16),
        ("telit-pls83-w", 10),
        ("bu303-moving", 12),
        ("ublox-neo-m8n", 22),
    ],
)
def test_every_recorded_track_has_its_fixes(replay: str, expected_fixes: int) -> None:
    """One fix a moment, in order, however many satellite systems reported it."""
    log = track(replay)
    assert len(log) == expected_fixes
    assert [fix.at for fix in log] == sorted({fix.at for fix in log})


def test_a_log_with_rubbish_between_still_gives_its_fixes() -> None:
    """Comments, cut lines and wrong checksums do not hide the fixes around them."""
    good = (SOURCES / REPLAYS["quectel-l70"]).read_bytes().splitlines()
    spoilt = [piece for line in good for piece in (line, b"# remark", line[:-3] + b"00")]
    assert list(fixes(spoilt)) == list(fixes(good))
