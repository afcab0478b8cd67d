"""What people have in hand that is found as a whole only: a number, a user's name, a key."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from foundation.database import Connection
from foundation.errors import Invalid, NotFound
from registry import api_keys, transfers, users
from registry.imports import files
from registry.scope import Right, Scope
from telemetry import reader
from telemetry.alarms import desk, rules
from telemetry.exports import asking


def _(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Numbered:
    """A thing that bears the number: what it is, and where it is."""

    title: str
    name: str
    address: str


_Find = Callable[[Connection, Scope, Any], Awaitable[object]]
_NUMBERS: tuple[tuple[str, str, Right, _Find], ...] = (
    (_("Alarm"), "/alarms", Right.ALARMS_READ, desk.find),
    (_("Transfer"), "/transfers", Right.TRANSFERS_READ, transfers.find),
    (_("Import"), "/imports", Right.IMPORTS_READ, files.find),
    (_("Refused message"), "/quarantine", Right.QUARANTINE_READ, reader.find_quarantined),
    (_("Rule"), "/rules", Right.RULES_READ, rules.find),
    (_("Export"), "/exports", Right.TELEMETRY_READ, asking.find),
)
_NAMES: tuple[tuple[str, str, Right, _Find], ...] = (
    (_("User"), "/users", Right.USERS_READ, users.find),
    (_("API key"), "/api-keys", Right.API_KEYS_READ, api_keys.find),
)
_NUMBER = re.compile(r"#?([0-9]{1,9})")


async def look_up(conn: Connection, scope: Scope, text: str) -> list[Numbered]:
    """What in scope bears this number, which `#` may lead, or exactly this name."""
    number = _NUMBER.fullmatch(text)
    asked: list[tuple[str, str, _Find, Any]] = [
        (title, address, find, int(number[1]) if number else text)
        for title, address, right, find in (_NUMBERS if number else _NAMES)
        if right in scope.rights
    ]
    found = []
    for title, address, find, wanted in asked:
        try:
            await find(conn, scope, wanted)
        except (NotFound, Invalid):
            continue
        page = address if find is asking.find else f"{address}/{wanted}"
        found.append(Numbered(title, str(wanted), page))
    return found
