"""Reference data that a deployment replaces: regions, operators, industries, tiers, profiles.

`load()` reads one country's directory (`cn`), `profiles()` the built-in device profiles, `fleet`
plans demo fleets on both. Data and their parsing only; nothing here knows the database.
"""

from deploy.reference.tables import (
    Certainty,
    Country,
    Network,
    NumberRange,
    Reference,
    ReferenceInvalid,
    load,
    profiles,
)

__all__ = [
    "Certainty",
    "Country",
    "Network",
    "NumberRange",
    "Reference",
    "ReferenceInvalid",
    "load",
    "profiles",
]
