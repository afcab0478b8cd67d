"""Where a test may have the bridge die, or err on purpose: named in `MUSTER_TEST_*`, else nothing.

The ledger (`deploy/ledger`) closes its books over a bridge that is killed just before and after a
commit, with messages in the spool that are not acknowledged, and with such that are stored and
still lie there; and shows that it notices one that errs: that acknowledges too early, or drops a
message.
"""

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import ParamSpec

Given = ParamSpec("Given")

_CRASH_AT = os.environ.get("MUSTER_TEST_CRASH_AT")
ACKNOWLEDGES_EARLY = os.environ.get("MUSTER_TEST_ACK_BEFORE_COMMIT") == "1"
NO_EPOCH_GUARD = os.environ.get("MUSTER_TEST_NO_EPOCH_GUARD") == "1"
_DROP_ONE_IN = int(os.environ.get("MUSTER_TEST_DROP_ONE_IN", "0"))


def dropping(take: Callable[Given, None]) -> Callable[Given, None]:
    """The same that forgets every so many-th delivery, or just the same."""
    if not _DROP_ONE_IN:
        return take
    numbers = count(1)

    def forgetful(*given: Given.args, **named: Given.kwargs) -> None:
        if next(numbers) % _DROP_ONE_IN:
            take(*given, **named)

    return forgetful


def reach(name: str) -> None:
    """Die as by kill -9 if this is the place."""
    if name == _CRASH_AT:
        os.kill(os.getpid(), signal.SIGKILL)
