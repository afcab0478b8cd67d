"""Sets of terminals on their way in and out."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Utc
from registry.collections import MOST_AT_ONCE, Query
from registry.model import RegionCode, Sector, TerminalState

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Codes = Annotated[list[Code], Field(max_length=MOST_AT_ONCE)]


class QueryBody(Body):
    """A filter of the list of terminals; what is null is not asked for."""

    group_client: Code | None = Field(None, description="Owned by it or a client below it.")
    region: int | None = Field(None, description="Installed in its subtree.", examples=[320000])
    state: TerminalState | None = None
    profile: str | None = Field(None, max_length=64, examples=["smart_meter"])
    sector: Sector | None = None
    tag: str | None = Field(None, max_length=64, examples=["rooftop"])
    prefix: str | None = Field(None, max_length=64, description="Of the code.")

    def query(self) -> Query:
        """The filter as the registry takes it."""
        region = None if self.region is None else RegionCode(self.region)
        return Query(**self.model_dump(exclude={"region"}), region=region)


class CollectionBody(Body):
    """A set of terminals: by `query`, or by hand where that is null."""

    name: Name = Field(examples=["Rooftops of Suzhou"])
    group_client: Code | None = Field(
        None, description="Whose it is; null: your own region's, or your one client's."
    )
    query: QueryBody | None = None


class CollectionChange(Body):
    """Another name, or another query for a collection by query."""

    name: Name | None = None
    query: QueryBody | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.name is None and self.query is None:
            raise PydanticCustomError("nothing_given", "give a name, a query or both")
        return self


class MembersChange(Body):
    """Codes of the terminals that come in and of those that go out: all of it, or nothing."""

    add: Codes = Field([], examples=[["METER-1", "METER-2"]])
    remove: Codes = Field([])


class QueryAnswer(Answer):
    """A filter of the list of terminals."""

    group_client: str | None
    region: int | None
    state: TerminalState | None
    profile: str | None
    sector: Sector | None
    tag: str | None
    prefix: str | None


class CollectionAnswer(Answer):
    """A set of terminals; a group client's, or of the operator in a region."""

    id: int = Field(examples=[7])
    name: str = Field(examples=["Rooftops of Suzhou"])
    group_client: str | None = Field(validation_alias="group_client_code")
    region: int | None = Field(validation_alias="region_code", examples=[320000])
    query: QueryAnswer | None = Field(description="Null: by hand.")
    created_at: Utc
    version: int = Field(examples=[1])
