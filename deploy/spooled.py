"""What waits in the spool of this home's bridge, by its metrics."""

import re
import urllib.request
from dataclasses import dataclass

from deploy.embedded.home import State

_PATIENCE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Spooled:
    """Messages that are on the disk and not in the database yet."""

    messages: int
    bytes: int
    oldest_seconds: float
    is_full: bool

    def told(self) -> str:
        """A sentence of it."""
        if not self.messages:
            return "Nothing waits for the database."
        return (
            f"{self.messages:,} messages ({self.bytes / 2**20:,.1f} MiB) wait for the database,"
            f" the oldest for {self.oldest_seconds:,.0f} s."
        )


def spooled(state: State) -> Spooled | None:
    """What the bridge says; None when it does not answer."""
    url = next((one["url"] for one in state.metrics if one["process"] == "bridge"), None)
    if url is None:
        return None
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310  ours
            text = answer.read().decode()
    except OSError:
        return None
    found = dict(re.findall(r"^muster_bridge_spool_(\w+) (\S+)$", text, re.MULTILINE))
    if not found:
        return None
    return Spooled(
        int(float(found["messages"])),
        int(float(found["bytes"])),
        float(found["oldest_seconds"]),
        float(found["full"]) == 1,
    )
