"""Group clients on their way in and out."""

from typing import Annotated

from pydantic import Field, StringConstraints

from api.schemas.shapes import Answer, Body, Instant, Utc
from registry.model import FileState, RegionLevel, Standing, ValueGrade

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class GroupClientBody(Body):
    """A group client to put on the roll, supervised by `region` at that region's level."""

    code: Code = Field(examples=["example-power"])
    name: Name = Field(examples=["示例电力"])
    region: int = Field(examples=[320000], description="Code of the supervising region.")
    industry: str = Field(examples=["power"], max_length=64)
    tier: str = Field(examples=["gold"], max_length=64)
    parent: Code | None = Field(None, description="Code of the client it belongs to.")
    credit_code: str | None = Field(
        None,
        max_length=64,
        examples=["91350100M000100Y43"],
        description="GB 32100-2015; none where a site or branch has none of its own.",
    )
    standing: Standing = Standing.CUSTOMER
    value_grade: ValueGrade | None = None
    watched: bool = False


class ClientTierBody(Body):
    """The tier that a client is to be on from now on, or another end of its trial."""

    tier: str = Field(examples=["silver"], max_length=64)
    until: Instant | None = Field(
        None, description="When a trial ends; null: after as many days as the tier says."
    )


class GroupClientAnswer(Answer):
    """An enterprise customer and the state of its file."""

    code: str = Field(examples=["example-power"])
    name: str = Field(examples=["示例电力"])
    region: int = Field(validation_alias="region_code", examples=[320000])
    level: RegionLevel
    industry: str = Field(validation_alias="industry_code", examples=["power"])
    tier: str = Field(validation_alias="tier_code", examples=["gold"])
    tier_until: Utc | None = Field(description="When its trial ends; null: it is for good.")
    credit_code: str | None
    file_state: FileState
    file_since: Utc
    standing: Standing
    standing_since: Utc
    value_grade: ValueGrade | None = Field(description="For who reads the client's file.")
    watched: bool | None = Field(description="Null for who does not read the client's file.")
    created_at: Utc
    version: int = Field(examples=[1])
