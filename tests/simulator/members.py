"""Members of a fleet for the tests, with the built-in profiles."""

from typing import Any

from deploy import reference
from deploy.simulator.fleet import Member
from registry.model import DeviceProfile

PROFILES: dict[str, DeviceProfile] = {p.code: p for p in reference.profiles()}


def member(profile: str, code: str = "SIM-1", **fields: Any) -> Member:
    """A member of a built-in profile, whose code is its password."""
    return Member(
        code=code, password=code, profile=profile, metrics=PROFILES[profile].metrics, **fields
    )
