"""SIMs on their way in and out."""

from datetime import date
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Instant, Utc
from registry import identifiers
from registry.model import RegionCode, SetBy, SimState
from registry.sim_model import Oddity, Sim
from registry.sims import Change


def _text(value: object) -> object:
    return value if value is None else str(value)


Text = Annotated[str, BeforeValidator(_text)]
Iccid = Annotated[str, Field(max_length=40, examples=["89860425102099341174"])]
Number = Annotated[str | None, Field(max_length=40)]
Apn = Annotated[str | None, Field(min_length=1, max_length=100, examples=["cmiot"])]
Plan = Annotated[str | None, Field(min_length=1, max_length=64, examples=["m2m-30m"])]


class SimBody(Body):
    """A SIM to put on the roll; grouping blanks and hyphens in its numbers are dropped."""

    iccid: Iccid
    imsi: Number = Field(None, examples=["460040123456789"])
    msisdn: Number = Field(None, examples=["1440112345678"], description="11 or 13 digits.")
    eid: Number = Field(None, description="32 digits of an embedded SIM.")
    region: int = Field(examples=[320500], description="Code of the region that manages it.")
    group_client: Code | None = Field(
        None, examples=["example-power"], description="Null is the operator's own stock."
    )
    state: SimState = SimState.INVENTORY
    apn: Apn = None
    plan: Plan = None
    test_until: Instant | None = Field(None, description="End of its test period.")
    silent_until: Instant | None = Field(None, description="End of its silent period.")


class SimChange(Body):
    """What to change of a SIM; a field that is left out stays, null takes it away."""

    imsi: Number = None
    msisdn: Number = None
    eid: Number = None
    region: int = Field(0, examples=[320500])
    group_client: Code | None = Field(None, description="Null is the operator itself.")
    apn: Apn = None
    plan: Plan = None
    test_until: Instant | None = None
    silent_until: Instant | None = None
    intended: SimState | None = Field(None, description="Where an order elsewhere is to take it.")
    pending_job: str | None = Field(None, min_length=1, max_length=64, examples=["order-4711"])

    def asked(self) -> Change:
        """The fields that the request names, parsed."""
        asked: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        for name, kind in _NUMBERS.items():
            if asked.get(name) is not None:
                asked[name] = kind.parse(asked[name])
        if "region" in asked:
            asked["region"] = RegionCode(asked["region"])
        return cast("Change", asked)


_NUMBERS: dict[str, Any] = {
    "imsi": identifiers.Imsi,
    "msisdn": identifiers.Msisdn,
    "eid": identifiers.Eid,
}


class SimMove(Body):
    """The state that a SIM is to go to, and why."""

    state: SimState = Field(examples=["suspended"])
    reason: str | None = Field(None, min_length=1, max_length=200, examples=["lost on site"])


class OddityAnswer(Answer):
    """What is odd about a number; it warns only."""

    code: Oddity
    field: str = Field(examples=["imsi"])
    detail: str = Field(examples=["The IMSI is of another operator's network."])

    @classmethod
    def of(cls, oddity: Oddity) -> "OddityAnswer":
        """The same with its sentence."""
        return cls(code=oddity, field=oddity.field, detail=oddity.sentence)


class SimAnswer(Answer):
    """A SIM as it is now; beside its state, and never merged into it, why, by whom and what next.

    `group_client` is null where its owner is not yours to see, `terminal` where it is in none that
    you see. `activates_at` is when the system puts it into use unless somebody does before.
    """

    iccid: Text = Field(examples=["89860425102099341174"])
    imsi: Text | None
    msisdn: Text | None
    eid: Text | None
    state: SimState
    reason: str | None
    set_by: SetBy
    since: Utc
    intended: SimState | None
    pending_job: str | None
    apn: str | None
    plan: str | None
    test_until: Utc | None
    silent_until: Utc | None
    period_until: Utc | None
    activates_at: Utc | None
    group_client: str | None = Field(validation_alias="group_client_code")
    region: int = Field(validation_alias="region_code", examples=[320500])
    installed: bool
    terminal: str | None = Field(validation_alias="terminal_code", examples=["METER-1"])
    registered_at: Utc
    version: int = Field(examples=[1])


class SimDetailAnswer(SimAnswer):
    """A SIM with what is odd about its numbers, and where you may take it now."""

    warnings: list[OddityAnswer]
    moves: list[SimState]

    @classmethod
    def of(
        cls, sim: Sim, odd: tuple[Oddity, ...], moves: tuple[SimState, ...]
    ) -> "SimDetailAnswer":
        """The SIM's fields, and these among them."""
        known = dict(SimAnswer.model_validate(sim))
        warnings = [OddityAnswer.of(oddity) for oddity in odd]
        return cls.model_construct(**known, warnings=warnings, moves=list(moves))


class StateChangeAnswer(Answer):
    """From which state to which a SIM went; `actor` is null for who does not read the audit."""

    at: Utc
    from_state: SimState
    to_state: SimState
    set_by: SetBy
    actor: str | None = Field(examples=["user:li.wei"])
    reason: str | None


class StayAnswer(Answer):
    """From when to when a SIM was in a terminal; null is still."""

    terminal: str = Field(validation_alias="terminal_code", examples=["METER-1"])
    since: Utc = Field(validation_alias="valid_from")
    until: Utc | None = Field(validation_alias="valid_to")


class InstallationBody(Body):
    """The terminal that a SIM is in, since `at` (now)."""

    terminal: Code = Field(examples=["METER-1"])
    at: Instant | None = None


class PlacementBody(Body):
    """A SIM and the terminal that it is to be in."""

    iccid: Iccid
    terminal: Code = Field(examples=["METER-1"])


class PlacementsBody(Body):
    """SIMs that change places at one moment, `at` (now)."""

    placements: list[PlacementBody] = Field(min_length=1, max_length=100)
    at: Instant | None = None


class InstallationAnswer(Answer):
    """A SIM is in a terminal since an instant."""

    iccid: str = Field(examples=["89860425102099341174"])
    terminal: str = Field(examples=["METER-1"])
    since: Utc


class ActivationDay(Answer):
    """How many SIMs are put into use on a day (UTC)."""

    day: date
    sims: int


class ActivationsAnswer(Answer):
    """SIMs that the system puts into use until `until`, by day; the first 10,000 if not `exact`."""

    until: Utc
    total: int
    exact: bool
    days: list[ActivationDay]
