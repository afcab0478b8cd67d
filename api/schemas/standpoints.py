"""Where group clients stand, on its way in and out."""

from pydantic import Field

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Utc
from registry.model import RegionLevel

_BY = "Null for who may not read the audit."


class SupervisionBody(Body):
    """The region that is to supervise a client from now on, at its own level."""

    region: int = Field(examples=[320000], ge=0, lt=2**31)


class ParentBody(Body):
    """The client that another one is to be below from now on."""

    parent: Code | None = Field(examples=["example-power"], description="Null: below none.")


class SupervisionAnswer(Answer):
    """From when to when a region supervised it."""

    region: int = Field(validation_alias="region_code", examples=[320000])
    level: RegionLevel
    valid_from: Utc
    valid_to: Utc | None = Field(description="Null: still.")
    moved_by: str | None = Field(examples=["user:ou"], description=_BY)


class ParentageAnswer(Answer):
    """From when to when it was below another client, or none."""

    below_another: bool
    parent: str | None = Field(
        validation_alias="parent_code",
        examples=["example-power"],
        description="Null, too, where you do not see the other one.",
    )
    valid_from: Utc
    valid_to: Utc | None = Field(description="Null: still.")
    moved_by: str | None = Field(examples=["user:ou"], description=_BY)


class StandpointsAnswer(Answer):
    """Where a client stood, the latest first, of each at most 200."""

    supervision: list[SupervisionAnswer]
    parents: list[ParentageAnswer]
