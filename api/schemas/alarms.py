"""Rules and alarms on their way in and out."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from api.schemas.shapes import Answer, Body, Instant, Utc
from registry.conditions import Severity
from telemetry.alarms.desk import MOST_AT_ONCE, Taking
from telemetry.alarms.falls import Shared
from telemetry.alarms.rule_model import Watched
from telemetry.alarms.rules import MOST_SECONDS
from telemetry.alarms.schedules import Schedule

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Patience = Annotated[int, Field(ge=0, le=MOST_SECONDS)]
AlarmNumber = Annotated[int, Field(ge=1, lt=2**63)]

Cleared = Literal["reading", "return", "transfer", "state", "rule", "person", "storm"]

_PATIENCE = "For how long it must have been so, in seconds."
_SCHEDULE = "When it may raise alarms; 1 is Monday."
_WATCHED = "What is wrong, by its `kind`."


class AlarmRuleBody(Body):
    """A rule of the terminals of a profile that a client owns, or that a region has.

    Only a rule of `silence` may be of every profile.
    """

    name: Name = Field(examples=["Voltage too high"])
    profile: str | None = Field(None, max_length=64, examples=["smart_meter"])
    criterion: Watched = Field(
        description=_WATCHED,
        examples=[{"kind": "threshold", "metric": "voltage_a", "above": 250, "clear": 245}],
    )
    severity: Severity = "major"
    for_seconds: Patience = Field(0, description=_PATIENCE)
    schedule: Schedule | None = Field(None, description=_SCHEDULE)
    group_client: str | None = Field(None, max_length=64, description="Whose; or `region`.")
    region: int | None = Field(None, description="Where; without either, the caller's own.")
    collection: int | None = Field(None, ge=1, lt=2**31, description="Of these only.")
    terminal: str | None = Field(None, max_length=64, description="Of this one only.")


class RuleChange(Body):
    """What is to be changed of a rule; what is not named stays."""

    name: Name | None = None
    criterion: Watched | None = Field(None, description=_WATCHED)
    severity: Severity | None = None
    for_seconds: Patience | None = Field(None, description=_PATIENCE)
    schedule: Schedule | None = Field(None, description=_SCHEDULE + " Null is always.")
    enabled: bool | None = Field(None, description="Whether readings are held against it.")


class RuleAnswer(Answer):
    """A rule; `version` is its ETag."""

    id: int
    name: str
    profile: str | None = Field(examples=["smart_meter"])
    criterion: Watched = Field(validation_alias="watched", description=_WATCHED)
    severity: Severity
    for_seconds: int = Field(description=_PATIENCE)
    schedule: Schedule | None = Field(description=_SCHEDULE)
    group_client: str | None
    region: int | None
    collection: int | None
    terminal: str | None
    enabled: bool
    created_at: Utc
    changed_at: Utc
    version: int


class MostAlarms(Answer):
    """A terminal, and how many alarms it would have had."""

    terminal: str
    alarms: int


class WouldBeAlarm(Answer):
    """An alarm that would have been, by the terminal's time; open at the end if `until` is null."""

    terminal: str
    since: Utc
    until: Utc | None


class TrialAnswer(Answer):
    """What a rule would have raised, held against what was."""

    start: Utc = Field(serialization_alias="from")
    end: Utc = Field(serialization_alias="to")
    terminals: int
    is_sample: bool = Field(description="Whether the rule is of more terminals than these.")
    readings: int
    is_cut: bool = Field(description="Whether there are more readings than were looked at.")
    alarms: int
    open_at_the_end: int
    most: list[MostAlarms]
    raised: list[WouldBeAlarm] = Field(description="The newest of them, up to 50.")


class AlarmAnswer(Answer):
    """An alarm, open until `cleared_at`; `raised_at` and `last_at` are the terminal's time.

    One of many has no terminal, and the count of those whose alarms the caller sees.
    """

    id: int
    rule: int | None
    rule_name: str
    terminal: str | None = Field(examples=["METER-1"])
    group_client: str | None
    region: int
    severity: Severity
    metric: str | None
    value: float | None
    raised_at: Utc
    told_at: Utc = Field(description="When it was raised by our clock.")
    last_at: Utc
    count: int
    cleared_at: Utc | None
    cleared_because: Cleared | None
    cleared_by: str | None
    acknowledged_at: Utc | None
    acknowledged_by: str | None
    assignee: str | None
    shelved_until: Utc | None
    parent: int | None = Field(description="The alarm of many that it came under.")
    quiet: bool = Field(description="Under one of many, or in a maintenance window.")
    window: int | None = Field(description="The maintenance window in which it began.")
    shared: Shared | None = Field(description="Of many: what they share.")
    shared_key: str | None = Field(description="And of that which.", examples=["320100"])
    respond_by: Utc | None = Field(description="By when to take note of it, by the owner's tier.")
    breached_at: Utc | None = Field(description="When that time was over and nobody had.")
    version: int


class NoteAnswer(Answer):
    """What somebody did or said about an alarm."""

    at: Utc
    by: str
    deed: str = Field(examples=["acknowledged"])
    text: str | None


class AlarmWithNotes(AlarmAnswer):
    """An alarm, and what was done and said about it, in order."""

    notes: list[NoteAnswer]


class NoteBody(Body):
    """Why, or what is to be known."""

    note: Text | None = Field(None, examples=["The transformer is being looked at."])


class AlarmsWhere(Body):
    """Open alarms of which nobody has taken note, as the list of alarms narrows them."""

    severity: Severity | None = None
    terminal: str | None = Field(None, max_length=64)
    rule: int | None = Field(None, ge=1, lt=2**31)
    parent: AlarmNumber | None = Field(None, description="Under this one of many.")
    quiet: bool | None = Field(None, description="Under one of many, or in a window.")
    shelved: bool | None = None
    breached: bool | None = Field(None, description="Nobody took note of it in time.")
    assignee: str | None = Field(None, max_length=64)
    profile: str | None = Field(None, max_length=64)
    group_client: str | None = Field(None, max_length=64)
    region: int | None = Field(None, description="In its subtree.")


class AcknowledgementsBody(NoteBody):
    """Of which alarms somebody takes note: of these, or of those that fit `where`."""

    alarms: Annotated[list[AlarmNumber], Field(min_length=1, max_length=MOST_AT_ONCE)] | None = (
        Field(None, examples=[[4711, 4712]])
    )
    where: AlarmsWhere | None = Field(
        None, description=f"The gravest {MOST_AT_ONCE} that fit; `more` says whether others do."
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.alarms is None) == (self.where is None):
            raise ValueError("give alarms or where")
        return self


class TakingAnswer(Answer):
    """What became of one of them."""

    alarm: int
    outcome: Taking = Field(
        description="`was_already`: somebody had before, who is kept. `alarm_of_others`: of many"
        " terminals, and not all of them are in your scope."
    )


class AcknowledgementsAnswer(Answer):
    """What became of each."""

    items: list[TakingAnswer]
    acknowledged: int = Field(description="Of how many nobody had taken note before.")
    more: bool = Field(description="Whether others fit; ask again.")
    audit: str | None = Field(
        description="Where the audit has it; null if nothing was done, or if you may not read it.",
        examples=["/api/v1/audit?actor=user%3Alin&action=alarm_note.insert&from=...&to=..."],
    )


class AlarmAssignmentBody(NoteBody):
    """Who is to look after it; null is nobody in particular."""

    assignee: Annotated[str, Field(min_length=1, max_length=64)] | None


class ShelvingBody(NoteBody):
    """Until when it is out of sight; null brings it back."""

    until: Instant | None


class CommentBody(Body):
    """Something to be known."""

    text: Text


class OpenAnswer(Answer):
    """How many alarms of a severity are open, and of how many nobody has taken note."""

    severity: Severity
    alarms: int
    unacknowledged: int


class OpenAlarmsAnswer(Answer):
    """What is open, the gravest first; shelved alarms are not counted."""

    items: list[OpenAnswer]
