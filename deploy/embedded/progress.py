"""Says on stderr what takes time, so that a first start is never silent. Standard library alone."""

import sys
from typing import TextIO


class Progress:
    """One line a step; on a terminal the line counts up in place, elsewhere it is written once."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._open_step: str | None = None
        self._shown_percent = -1

    def step(self, what: str) -> None:
        """Begin a step, closing the one before."""
        self.done()
        self._write(f"muster: {what} ...")
        self._open_step = what
        self._shown_percent = -1
        if not self._is_terminal():
            self._write("\n")

    def percent(self, share: float) -> None:
        """How far the open step is, 0 to 100; repeated values cost nothing."""
        whole = int(share)
        if self._open_step is None or whole <= self._shown_percent or not self._is_terminal():
            return
        self._shown_percent = whole
        self._write(f"\rmuster: {self._open_step} ... {whole} %")

    def done(self) -> None:
        """End the open step."""
        if self._open_step is not None and self._is_terminal():
            self._write(f"\rmuster: {self._open_step} ... done \n")
        self._open_step = None

    def _is_terminal(self) -> bool:
        return self._out().isatty()

    def _out(self) -> TextIO:
        return self._stream or sys.stderr

    def _write(self, text: str) -> None:
        self._out().write(text)
        self._out().flush()
