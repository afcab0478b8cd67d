"""`muster decode`: what it prints of payloads that can be read, and of those that cannot."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli.decoding import PayloadRefused, app
from foundation.errors import Invalid

METER = '{"ts": 1790000000000, "voltage_a": 231.2}'
FRAME = Path("tests/cases/sia-dc09/adm_cid_1130_same/payload")


def run(*arguments: str, stdin: bytes = b"") -> tuple[str, BaseException | None]:
    """What the command prints, and what it ends with."""
    done = CliRunner().invoke(app, list(arguments), input=stdin)
    return done.stdout, done.exception


def said(printed: str) -> dict[str, Any]:
    """What the only speaker says."""
    [only] = json.loads(printed)["said"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["--hex", METER.encode().hex(" ")], b""),
        (["--base64", "eyJ0cyI6IDE3OTAwMDAwMDAwMDAsICJ2b2x0YWdlX2EiOiAyMzEuMn0="], b""),
        ([], METER.encode()),
    ],
    ids=["hex", "base64", "stdin"],
)
def test_a_payload_comes_in_any_way(arguments: list[str], stdin: bytes) -> None:
    """By the command line, or as it is by stdin."""
    printed, ended = run("--codec", "json", *arguments, stdin=stdin)

    assert ended is None
    assert said(printed)["readings"] == [
        {
            "time": "2026-09-21T14:13:20+00:00",
            "seq": None,
            "boot": None,
            "values": {"voltage_a": 231.2},
        }
    ]


def test_a_file_is_read_as_it_is() -> None:
    """A frame of an alarm panel."""
    printed, ended = run("--codec", "sia-dc09", "--file", str(FRAME))

    assert ended is None
    assert [event["code"] for event in said(printed)["events"]] == ["burglary_alarm"]


def test_a_fault_is_told_by_its_byte() -> None:
    """With the bytes before and from there on; options make a lenient reader of a strict one."""
    broken = FRAME.read_bytes().replace(b"A83C", b"0000")
    arguments = ["--codec", "sia-dc09", "--hex", broken.hex()]
    _, ended = run(*arguments)
    printed, lenient = run(*arguments, "--option", "lenient=true")

    assert isinstance(ended, PayloadRefused)
    assert str(ended).startswith("malformed at byte ")
    assert lenient is None
    assert said(printed)["tolerated"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--codec", "xml", "--hex", "00"],
        ["--codec", "json", "--hex", "0"],
        ["--codec", "json", "--hex", "00", "--base64", "AA=="],
        ["--codec", "json", "--file", "/nowhere"],
        ["--codec", "json", "--hex", "00", "--option", "lenient"],
    ],
)
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    """Before anything is decoded."""
    printed, ended = run(*arguments)

    assert isinstance(ended, Invalid)
    assert printed == ""
