"""Reference data that a deployment replaces: regions, operators, industries, tiers, profiles.

`load()` reads one country's directory (`cn`), `profiles()` the built-in device profiles,
`sector_profiles()` those of the sectors' own frames; `fleet` plans demo fleets. Data and their
parsing only; nothing here knows the database.
"""

from deploy.reference.tables import (
    SECTOR_PROFILES,
    Certainty,
    Country,
    Network,
    NumberRange,
    Reference,
    ReferenceInvalid,
    load,
    profiles,
    sector_profiles,
)

__all__ = [
    "SECTOR_PROFILES",
    "Certainty",
    "Country",
    "Network",
    "NumberRange",
    "Reference",
    "ReferenceInvalid",
    "load",
    "profiles",
    "sector_profiles",
]
