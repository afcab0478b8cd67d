"""Bindings of SIMs, requests for another hardware, and what terminals say of themselves."""

from dataclasses import asdict

from pydantic import Field

from api.schemas.shapes import Answer, Body, Instant, Utc
from registry.binding_lists import BoundSim
from registry.binding_requests import USUAL_DAYS, RequestState
from registry.bindings import (
    MOST_IMEIS,
    MOST_TACS,
    BindingAction,
    Mode,
    Rule,
    Verdict,
    Violation,
)
from telemetry.identities import Heard
from telemetry.model import Identity

_IMEI = "490154203237518"
_ICCID = "89860425102099341174"
_TOLD = "Null where that is not yours to know."


class RuleBody(Body):
    """A rule for a SIM: `exact` takes one IMEI, `imei_list` some, `tac` types, the others none."""

    mode: Mode = Field(examples=["exact"])
    imeis: list[str] = Field(default_factory=list, examples=[[_IMEI]], max_length=MOST_IMEIS)
    tacs: list[str] = Field(
        default_factory=list, max_length=MOST_TACS, description="The first 8 digits of IMEIs."
    )
    action: BindingAction = Field(BindingAction.EVENT, description="What becomes of a violation.")
    reason: str | None = Field(None, min_length=1, max_length=500, examples=["contract 17"])
    at: Instant | None = Field(
        None, description="Since when; now, unless said. Not before the present rule began."
    )

    def rule(self) -> Rule:
        """The same, checked."""
        return Rule.parse(self.mode, self.imeis, self.tacs, self.action)


class BindingAnswer(Answer):
    """A rule and the verdict on it; `heard_*` is what the witness said when it came to be."""

    iccid: str = Field(examples=[_ICCID])
    mode: Mode
    imeis: list[str]
    tacs: list[str]
    action: BindingAction
    reason: str | None
    set_by: str | None = Field(examples=["user:lina"], description=_TOLD)
    valid_from: Utc
    valid_to: Utc | None = Field(description="Null: still.")
    version: int = Field(examples=[1], description="Counts the SIM's rules.")
    first_imei: str | None = Field(description="What `first_seen` has seen.")
    verdict: Verdict | None = Field(description="Null while it is off.")
    verdict_since: Utc
    violation: Violation | None
    witness: str | None = Field(description="A terminal; null also where it is not yours to see.")
    heard_at: Utc | None
    heard_imei: str | None
    heard_iccid: str | None
    heard_imsi: str | None


class BoundSimAnswer(BindingAnswer):
    """A rule in a list, with whose the SIM is and where it is on record."""

    group_client: str | None = Field(examples=["example-power"])
    region: int = Field(examples=[320500])
    terminal: str | None = Field(examples=["METER-1"])

    @classmethod
    def of(cls, bound: BoundSim) -> "BoundSimAnswer":
        """The rule's fields, and the SIM's among them."""
        return cls(
            **dict(BindingAnswer.model_validate(bound.binding)),
            group_client=bound.group_client,
            region=bound.region_code,
            terminal=bound.terminal,
        )


class CoverageAnswer(Answer):
    """Of a province's SIMs in use (in a terminal that may connect), the bound and the proven."""

    region: int = Field(validation_alias="region_code", examples=[320000])
    in_use: int = Field(examples=[120_000])
    bound: int = Field(examples=[110_000])
    ok: int = Field(examples=[98_000])
    violated: int = Field(examples=[12])
    unproven: int = Field(examples=[11_988])
    coverage: float = Field(examples=[0.817], description="(ok + violated) / in use.")


class BindingRequestBody(Body):
    """Which SIM is to work in which hardware, and why."""

    iccid: str = Field(max_length=40, examples=[_ICCID])
    imei: str = Field(max_length=40, examples=[_IMEI])
    reason: str = Field(min_length=1, max_length=500, examples=["modem replaced on site"])
    expires_in_hours: int = Field(USUAL_DAYS * 24, ge=1, le=31 * 24)


class DecisionBody(Body):
    """Whether the request is approved."""

    approve: bool
    remark: str | None = Field(None, min_length=1, max_length=500)


class BindingRequestAnswer(Answer):
    """A request for another hardware, and what became of it."""

    id: int = Field(examples=[7])
    iccid: str = Field(examples=[_ICCID])
    imei: str = Field(examples=[_IMEI])
    reason: str
    requested_by: str | None = Field(examples=["user:lina"], description=_TOLD)
    requested_at: Utc
    expires_at: Utc
    state: RequestState
    decided_by: str | None
    decided_at: Utc | None
    remark: str | None
    version: int = Field(examples=[1])


class HeardAnswer(Answer):
    """What a terminal said last of itself, in its present owner's time."""

    terminal: str = Field(examples=["METER-1"])
    imei: str | None = Field(examples=[_IMEI])
    iccid: str | None = Field(examples=[_ICCID])
    imsi: str | None
    apn: str | None = Field(examples=["cmiot"])
    firmware: str | None
    model: str | None
    boot: str | None
    heard_at: Utc | None
    started_at: Utc | None = Field(description="When it last said hello.")

    @classmethod
    def of(cls, code: str, heard: Heard | None) -> "HeardAnswer":
        """What was heard, or nothing."""
        said = Identity() if heard is None else heard.identity
        return cls(
            **asdict(said),
            terminal=code,
            heard_at=heard and heard.heard_at,
            started_at=heard and heard.started_at,
        )
