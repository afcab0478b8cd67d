"""Legal holds on their way in and out."""

from typing import Annotated

from pydantic import Field, StringConstraints

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Instant, Utc

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class LegalHoldBody(Body):
    """What is not to be dropped: of one group client, terminal or profile, within a window."""

    group_client: Code | None = Field(
        None, examples=["example-power"], description="And what is below it now."
    )
    terminal: Code | None = Field(None, description="Whoever owned it.")
    profile: Code | None = None
    since: Instant | None = Field(None, description="Measured from then on; null: all there is.")
    until: Instant | None = Field(None, description="Measured before; null: also what is to come.")
    reason: Reason = Field(examples=["a dispute over bills"])
    reference: Reference = Field(
        examples=["case 7 of 2026"], description="Where the order or the case is found."
    )


class LiftingBody(Body):
    """Why what is held may go."""

    reason: Reason = Field(examples=["settled out of court"])


class LegalHoldAnswer(Answer):
    """A legal hold; in force until it is lifted."""

    id: int = Field(examples=[3])
    group_client: str | None = Field(examples=["example-power"])
    terminal: str | None
    profile: str | None
    since: Utc | None = Field(description="Null: all there is.")
    until: Utc | None = Field(description="Null: also what is to come.")
    reason: str
    reference: str
    placed_at: Utc
    placed_by: str = Field(examples=["user:wang"])
    lifted_at: Utc | None
    lifted_by: str | None
    lift_reason: str | None
    version: int = Field(examples=[1])
