"""The fleet file: who is simulated, with which credential, measuring what, and playing which story.

JSON lines, one terminal a line, readable by its owner alone because it holds credentials.
"""

import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deploy.reference.clients import Story
from deploy.simulator.curves.vehicle_tracker import REPLAYS
from foundation.errors import Invalid, NotFound, Refused
from registry.codecs import CODECS, fault
from registry.identifiers import WireName
from registry.model import Metric


class FleetInvalid(Invalid):
    """The fleet file cannot be read."""

    code = "fleet_invalid"
    remedy = "Correct the line, or let `muster up` write the file anew."


class FleetMissing(NotFound):
    """There is no fleet file."""

    code = "fleet_missing"
    remedy = "Start the platform with a fleet (`muster up`), or name a file with --fleet."


class FleetOpen(Refused):
    """The fleet file holds credentials and must not be readable by others."""

    code = "fleet_open"


class Identity(BaseModel):
    """What a terminal would say of itself, as the registry knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    imei: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    apn: str | None = None
    firmware: str | None = None
    model: str | None = None


class Member(BaseModel):
    """One simulated terminal; `metrics` as the profile's document lists them.

    Stories that the simulator plays: `silent_city` sends one reading that is hours old and then
    nothing, `wrong_units` kilovolts for volts, `separated` another IMEI at hello, `rival` a SIM of
    another network; the rest behave as if they had none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    password: str = Field(repr=False)
    profile: str
    metrics: tuple[Metric, ...] = Field(min_length=1)
    interval_seconds: float = Field(60.0, gt=0)
    story: Story | None = None
    identity: Identity = Identity()
    replay: str | None = Field(None, description="name of a recorded track, for a vehicle")
    codec: str = "json"
    codec_options: dict[str, str | bool] = {}
    wire_name: str | None = Field(None, description="how it calls itself in frames: kind:value")
    gateway: str | None = Field(None, description="code of the member that speaks for it")
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)

    @model_validator(mode="before")
    @classmethod
    def _titles_may_be_left_out(cls, line: dict[str, Any]) -> dict[str, Any]:
        metrics = line.get("metrics")
        if not isinstance(metrics, list | tuple):
            return line
        plain = {"unit": None, "low": None, "high": None, "decimals": None}
        titles = {"title_zh": "", "title_en": ""}
        return line | {
            "metrics": [plain | titles | m if isinstance(m, dict) else m for m in metrics]
        }

    @model_validator(mode="after")
    def _can_speak(self) -> Self:
        if self.codec not in CODECS or fault(self.codec, self.codec_options):
            raise ValueError(f"{self.codec} is no codec with these options")
        if self.wire_name is not None and not WireName.parse(self.wire_name):
            raise ValueError("wire_name is kind:value")
        return self

    @model_validator(mode="after")
    def _replay_exists(self) -> Self:
        if self.replay is not None and self.replay not in REPLAYS:
            raise ValueError(f"replay must be one of {', '.join(REPLAYS)}")
        return self


def read(path: Path) -> list[Member]:
    """The members of a fleet file in its order; refuses a file that others may read."""
    try:
        mode = path.stat().st_mode
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise FleetMissing(f"There is no fleet file {path}.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise FleetOpen(
            f"The fleet file {path} holds credentials and others may read it.",
            remedy=f"Run chmod 600 {path}.",
        )
    members = [_member(path, n, line) for n, line in enumerate(lines, 1) if line.strip()]
    seen: set[str] = set()
    for member in members:
        if member.code in seen:
            raise FleetInvalid(f"Terminal {member.code} stands twice in {path}.")
        seen.add(member.code)
    for member in members:
        if member.gateway is not None and member.gateway not in seen:
            raise FleetInvalid(f"{member.gateway}, the gateway of {member.code}, is not in {path}.")
    return members


def _member(path: Path, number: int, line: str) -> Member:
    try:
        return Member.model_validate_json(line)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "line"
        raise FleetInvalid(f"Line {number} of {path}: {place}: {fault['msg']}.") from None


def write(path: Path, members: Iterable[Member]) -> None:
    """Write a fleet file that `read` gives back, whole or not at all, for the owner's eyes only."""
    draft = path.with_name(path.name + ".part")
    draft.touch(mode=0o600)
    draft.chmod(0o600)
    with draft.open("w", encoding="utf-8") as file:
        for member in members:
            json.dump(member.model_dump(mode="json", exclude_none=True), file, ensure_ascii=False)
            file.write("\n")
    draft.replace(path)
