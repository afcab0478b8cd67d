"""Why a terminal is silent, as the API tells it."""

from pydantic import BaseModel, Field

from api.console import diagnosis_words as words
from api.schemas.shapes import Answer, Utc
from telemetry.diagnosis import Cause, Diagnosis, Fact


class DiagnosisEvidenceAnswer(Answer):
    """One fact: what it says, null where there is none, and since or when."""

    fact: Fact
    value: str | None = Field(examples=["suspended"])
    at: Utc | None


class DiagnosisAnswer(BaseModel):
    """The first cause that is there, what to do next, and all that was looked at."""

    terminal: str = Field(examples=["METER-1"])
    verdict: Cause
    detail: str = Field(examples=["Its SIM carries no data in its present state."])
    next_step: str | None = Field(examples=["Next: see the SIM and why it is so."])
    since: Utc | None
    as_of: Utc
    evidence: list[DiagnosisEvidenceAnswer]

    @classmethod
    def of(cls, code: str, found: Diagnosis) -> "DiagnosisAnswer":
        """What was found, in words."""
        return cls(
            terminal=code,
            verdict=found.verdict,
            detail=words.SENTENCES[found.verdict],
            next_step=words.NEXT_STEPS[found.verdict],
            since=found.since,
            as_of=found.as_of,
            evidence=[DiagnosisEvidenceAnswer.model_validate(piece) for piece in found.evidence],
        )
