"""Which times of terminals are accepted: near our clock, and of the present owner; pure."""

from registry.model import DeviceProfile
from telemetry.model import Reason, at

_SECOND_US = 1_000_000
_MEMORY_US = 10 * 365 * 86_400_000_000
"""What was measured less long ago may be an earlier owner's; before it, a clock lost its time."""


def fault_of_time(
    profile: DeviceProfile, owned_since_us: int, time_us: int, received_us: int
) -> tuple[Reason, str] | None:
    """Why something of that time is not accepted now, with both clocks; None if it is.

    What may have been measured for an earlier owner is that owner's, however late it comes.
    """
    delay_us = received_us - time_us
    if time_us < owned_since_us and delay_us <= _MEMORY_US:
        return Reason.OTHER_OWNER, _clocks("of an earlier owner's time", time_us, received_us)
    if delay_us > profile.clock_back_seconds * _SECOND_US:
        return Reason.CLOCK, _clocks("too long ago", time_us, received_us)
    if delay_us < -profile.clock_ahead_seconds * _SECOND_US:
        return Reason.CLOCK, _clocks("ahead", time_us, received_us)
    return None


def _clocks(what: str, time_us: int, received_us: int) -> str:
    return f"{what}: {_told(time_us)}, received {_told(received_us)}"


def _told(unix_us: int) -> str:
    try:
        return at(unix_us).isoformat()
    except OverflowError:
        return f"{unix_us / 1e6:.0f} s after 1970"
