"""Where a test may have the bridge die, or err on purpose: named in `MUSTER_TEST_*`, else nothing.

The ledger of tests/system closes its books over a bridge that is killed just before and just after
a commit, and shows that it notices a bridge that acknowledges too early.
"""

import os
import signal

_CRASH_AT = os.environ.get("MUSTER_TEST_CRASH_AT")
ACKNOWLEDGES_EARLY = os.environ.get("MUSTER_TEST_ACK_BEFORE_COMMIT") == "1"


def reach(name: str) -> None:
    """Die as by kill -9 if this is the place."""
    if name == _CRASH_AT:
        os.kill(os.getpid(), signal.SIGKILL)
