"""The process that plays the terminals, and what it has said."""

import json
import subprocess
import sys
from typing import Any

from deploy.ledger.ground import Ground

_LAST_BYTES = 200_000  # the last account of a few thousand terminals


class Player:
    """The process that plays the terminals, and what it said last."""

    def __init__(
        self, ground: Ground, seed: int, base_ms: int, rate: float, *, plain: bool
    ) -> None:
        file = ground.directory / "codes"
        file.write_text("\n".join(ground.codes), "ascii")
        way = ("127.0.0.1", str(ground.terminals_to_broker.port))
        numbers = [str(seed), str(base_ms), str(rate), *(["--plain"] if plain else [])]
        self._said = ground.directory / "terminals.jsonl"
        with self._said.open("wb") as said, (ground.directory / "terminals.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.ledger.terminals", *way, str(file), *numbers],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=log,
            )

    def told(self) -> dict[str, Any]:
        """Its last account; empty at first."""
        with self._said.open("rb") as said:
            said.seek(max(0, self._said.stat().st_size - _LAST_BYTES))
            lines = said.read().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        found: dict[str, Any] = json.loads(whole[-1]) if whole else {}
        return found

    @property
    def runs(self) -> bool:
        """Whether messages without a receipt are left, or more are to come."""
        return self._process.poll() is None

    def end(self) -> None:
        """Measure nothing more."""
        assert self._process.stdin is not None
        if self.runs:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it whatever it keeps."""
        if self.runs:
            self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
