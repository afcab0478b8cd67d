"""Frames that nobody here wrote, as the decoders' cases keep them: `tests/cases/<codec>/<name>/`.

Only a checkout has them: they are no part of what is installed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from broker_bridge import decoders
from broker_bridge.decoders import Options, Said, Undecodable
from foundation.errors import NotFound
from registry.codecs import CODECS

HERE = Path(__file__).parents[2] / "tests" / "cases"
OWN = "fuzz_"
"""Begins the names of cases that a fuzzing run made: they are nobody's frames."""
RECEIVED_US = 1_790_000_000_000_000
"""When every frame of a case was received."""


class CasesMissing(NotFound):
    """There are no cases here: this is no checkout."""

    code = "cases_missing"
    remedy = "Run it in a checkout of the repository."


@dataclass(frozen=True, slots=True)
class Case:
    """A frame, how it is to be read, and whose folder it is."""

    name: str
    payload: bytes
    options: Options

    def decoded(self, codec: str) -> Sequence[Said]:
        """What the codec makes of it; raises `Undecodable`."""
        decode = decoders.find(codec)
        assert decode is not None
        return decode(self.payload, RECEIVED_US, self.options)


def readable(codec: str, directory: Path = HERE) -> list[Case]:
    """The cases of a codec that are read without refusal, by name; `CasesMissing` if none are."""
    files = sorted(directory.glob(f"{codec}/*/expected.json"))
    found = [read(file.parent) for file in files if not file.parent.name.startswith(OWN)]
    kept = [case for case in found if _reads(codec, case)]
    if not kept:
        raise CasesMissing(f"There is no readable case of {codec} in {directory}.")
    return kept


def all_readable(directory: Path = HERE) -> dict[str, list[Case]]:
    """The readable cases of every codec."""
    return {codec: readable(codec, directory) for codec in CODECS}


def _reads(codec: str, case: Case) -> bool:
    try:
        return not any(said.refused for said in case.decoded(codec))
    except Undecodable:
        return False


def read(folder: Path) -> Case:
    """The case of a folder."""
    in_hex, options = folder / "payload.hex", folder / "options.json"
    if in_hex.exists():
        payload = bytes.fromhex(in_hex.read_text("ascii"))
    else:
        payload = (folder / "payload").read_bytes()
    chosen = json.loads(options.read_text("utf-8")) if options.exists() else {}
    return Case(folder.name, payload, chosen)
