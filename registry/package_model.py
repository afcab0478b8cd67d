"""Packages, which clients have them, and what can be wrong with both; no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foundation.database import register_refusals
from foundation.errors import Invalid, NotFound, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A tier and profiles under one name; of the profiles the first is taken where none is named.

    One with `retired_at` is given to nobody any more.
    """

    id: int
    code: str
    title_zh: str
    title_en: str
    tier_code: str
    profiles: Sequence[str]
    retired_at: datetime | None
    version: int


class PackageState(StrEnum):
    """What has become of a package of a client."""

    PLANNED = "planned"
    IN_FORCE = "in_force"
    ENDED = "ended"
    UNDONE = "undone"
    CALLED_OFF = "called_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPackage:
    """From when to when a client has a package; `tier_code` is the tier that it gave, since begun.

    `applied_by` and `undone_by` are as the audit names them; `version` is the client's.
    """

    id: int
    group_client_code: str
    package_code: str
    title_zh: str
    title_en: str
    state: PackageState
    valid_from: datetime
    valid_to: datetime | None
    note: str | None
    applied_at: datetime
    applied_by: str
    undone_by: str | None
    tier_code: str | None
    former_tier_code: str | None
    version: int


class PackageNotFound(NotFound):
    """There is no such package."""

    code = "package_not_found"
    remedy = "List the packages that there are."


class PackageTaken(Refused):
    """There is a package of this code already."""

    code = "package_taken"
    remedy = "Change that one, or take another code."


class PackageInvalid(Invalid):
    """A package has a code of letters, digits, - and _, two titles, and each profile once."""

    code = "package_invalid"
    remedy = "Correct it; titles have 1 to 100 characters."


class PackageRetired(Refused):
    """The package is given to nobody any more."""

    code = "package_retired"
    remedy = "Take another one; who has it keeps it."


class PackagePlanned(Refused):
    """A client is to have a package at a time to come."""

    code = "package_planned"
    remedy = "Call that off first, or wait until it is in force."


class PackageThere(Refused):
    """The client has this package, and its tier, already."""

    code = "package_there"
    remedy = "There is nothing to do."


class PackageDateInvalid(Invalid):
    """A package is in effect from now on, or from a time to come within ten years."""

    code = "package_date_invalid"
    remedy = "Give a later or a nearer time, or none, which is now."

    def __init__(self) -> None:
        super().__init__(field="valid_from")


class PackageOver(Refused):
    """Only what is planned or in force can be undone."""

    code = "package_over"
    remedy = "Read the client's packages again."


class PackageOverlaid(Refused):
    """The client's tier was changed since the package came into force."""

    code = "package_overlaid"
    remedy = "Put the client on the tier that it is to have."


class ProfileMissing(Invalid):
    """No profile is named, and the owner has no package that names one."""

    code = "profile_missing"
    remedy = "Name a device profile, or give the owner a package with one."

    def __init__(self) -> None:
        super().__init__(field="profile")


register_refusals(
    {
        "package_code_is_taken_once": PackageTaken,
        "package_code_is_plain": PackageInvalid,
        "package_title_zh_is_short": PackageInvalid,
        "package_title_en_is_short": PackageInvalid,
        "profile_is_in_a_package_once": PackageInvalid,
        "client_has_one_planned_package": PackagePlanned,
    }
)
