"""How well a fleet behaves: the knobs of a simulation, all off by default."""

from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

from foundation.errors import Invalid

DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")


class BehaviourInvalid(Invalid):
    """A knob of the simulation stands outside its range."""

    code = "behaviour_invalid"
    remedy = "See `muster simulate --help`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Shares are of readings, 0 to 1.

    `interval_seconds` overrides every member's own; `jitter` moves each reading by up to that share
    of its interval; `duplicates` are sent twice; `late` are kept back for 3 to 30 intervals;
    `broken` are spoilt in one of the ways that end in quarantine. With `receipts` a terminal keeps
    what it sent until the platform's receipt, and sends again what has none.
    `catch_up_seconds` is how far back a terminal fills in readings after it was cut off, and
    `history_seconds` at its start, as if it had been out of reach for so long.
    """

    seed: int = 1
    interval_seconds: float | None = None
    jitter: float = 0.2
    duplicates: float = 0.0
    late: float = 0.0
    broken: float = 0.0
    qos: int = 1
    receipts: bool = True
    zone: tzinfo = DEFAULT_ZONE
    catch_up_seconds: float = 3600.0
    history_seconds: float = 0.0

    def __post_init__(self) -> None:
        for name in ("jitter", "duplicates", "late", "broken"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise BehaviourInvalid(f"{name} must be between 0 and 1.", field=name)
        if self.interval_seconds is not None and self.interval_seconds <= 0:
            raise BehaviourInvalid("interval must be more than 0 seconds.", field="interval")
        if not 0 <= self.history_seconds <= 30 * 86_400:
            raise BehaviourInvalid("history must be between 0 and 30 days.", field="history")
        if self.qos not in {0, 1}:
            raise BehaviourInvalid("qos must be 0 or 1.", field="qos")
