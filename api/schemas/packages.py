"""Packages, and which clients have them, on their way in and out."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.group_clients import Code
from api.schemas.shapes import Answer, Body, Instant, Utc
from registry.package_model import Package, PackageState
from registry.packages import MOST_PROFILES

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Profile = Annotated[str, Field(max_length=64)]
_PROFILES = "The first one is taken where a terminal of its clients names none."


class PackageBody(Body):
    """A tier and profiles under one name."""

    code: Code = Field(examples=["power-metering"])
    title_zh: Title = Field(examples=["电力抄表"])
    title_en: Title = Field(examples=["Power metering"])
    tier: str = Field(examples=["silver"], max_length=64)
    profiles: list[Profile] = Field(
        [], max_length=MOST_PROFILES, examples=[["smart_meter"]], description=_PROFILES
    )


class PackageChange(Body):
    """What is to be changed of a package; what is not named stays."""

    title_zh: Title | None = None
    title_en: Title | None = None
    tier: str | None = Field(None, examples=["gold"], max_length=64)
    profiles: list[Profile] | None = Field(
        None, max_length=MOST_PROFILES, description="All that it is to have, in order."
    )

    @model_validator(mode="after")
    def _nothing_ends(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise PydanticCustomError("never_null", "nothing of a package can be null")
        return self


class PackageAnswer(Answer):
    """A tier and profiles under one name."""

    code: str = Field(examples=["power-metering"])
    title_zh: str
    title_en: str
    tier: str = Field(validation_alias="tier_code", examples=["silver"])
    profiles: list[str] = Field(examples=[["smart_meter"]], description=_PROFILES)
    retired_at: Utc | None = Field(description="Since when it is given to nobody any more.")
    version: int


class PackagesAnswer(Answer):
    """The packages; there are few."""

    items: list[PackageAnswer]

    @classmethod
    def of(cls, packages: tuple[Package, ...]) -> "PackagesAnswer":
        """All of them."""
        return cls(items=[PackageAnswer.model_validate(package) for package in packages])


class ClientPackageBody(Body):
    """A package that a client is to have, in effect from now on or from a time to come."""

    package: Code = Field(examples=["power-metering"])
    valid_from: Instant | None = Field(None, description="Null is now.")
    note: str | None = Field(None, max_length=500, examples=["contract 2026-118"])


class ClientPackageAnswer(Answer):
    """From when to when a client has a package; `version` is the client's."""

    id: int = Field(examples=[17])
    group_client: str = Field(validation_alias="group_client_code", examples=["example-power"])
    package: str = Field(validation_alias="package_code", examples=["power-metering"])
    title_zh: str
    title_en: str
    state: PackageState
    valid_from: Utc
    valid_to: Utc | None
    note: str | None
    applied_at: Utc
    applied_by: str = Field(examples=["user:wang"])
    undone_by: str | None
    tier: str | None = Field(
        validation_alias="tier_code", description="That it gave; null: it has not begun."
    )
    former_tier: str | None = Field(
        validation_alias="former_tier_code", description="Before it, and again when it is undone."
    )
    version: int
