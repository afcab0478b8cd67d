"""A process can be lied to about the time, while it runs."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.ledger import clock

_ASKED = """
import sys, time
from datetime import datetime
for _ in sys.stdin:
    told = time.time(), time.time_ns() / 1e9, datetime.now().timestamp(), time.monotonic()
    print(*told, flush=True)
"""


@pytest.mark.skipif(not clock.is_available(), reason="a wrong clock needs a C compiler (cc)")
def test_a_process_sees_its_clock_jump(tmp_path: Path) -> None:
    """However it asks; intervals go on as they are."""
    wrong = clock.Clock(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _ASKED],
        env=wrong.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for ahead in (0, 3600, -86_400, 0):
            wrong.set(ahead)
            process.stdin.write("?\n")
            process.stdin.flush()
            *told, monotonic = map(float, process.stdout.readline().split())
            assert all(abs(at - ahead - time.time()) < 60 for at in told)
            assert abs(monotonic - time.monotonic()) < 60
        process.stdin.close()
