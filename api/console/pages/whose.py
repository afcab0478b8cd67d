"""Whose terminals a rule or a maintenance window is of: the part of a form that says it."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Form

from api.console.pages.screen import Screen
from foundation.errors import MusterError
from registry import collections, regions
from registry.model import Region, RegionCode

_COLLECTIONS = 200  # as many as a list to choose from bears
FIELDS = frozenset({"client", "region", "collection", "terminal"})
_OF_CODE = {
    "collection_not_found": "collection",
    "group_client_not_found": "client",
    "region_not_found": "region",
    "terminal_not_found": "terminal",
}


@dataclass(frozen=True, slots=True)
class Whose:
    """What is filled in; all empty is the reader's own."""

    client: Annotated[str, Form(max_length=64)] = ""
    region: Annotated[str, Form(pattern="^[0-9]{0,6}$")] = ""
    collection: Annotated[str, Form(pattern="^[0-9]{0,9}$")] = ""
    terminal: Annotated[str, Form(max_length=64)] = ""

    def of(self) -> dict[str, Any]:
        """As the verbs take it."""
        return {
            "group_client": self.client.strip() or None,
            "region": RegionCode(int(self.region)) if self.region else None,
            "collection": int(self.collection) if self.collection else None,
            "terminal": self.terminal.strip() or None,
        }


def place_of(error: MusterError) -> str:
    """The field that an error names, as the form calls it; empty where it names none."""
    place: str = getattr(error, "field", None) or _OF_CODE.get(error.code, "")
    return "client" if place == "group_client" else place


async def choices(screen: Screen) -> dict[str, Any]:
    """Collections and regions to choose from."""
    page = await collections.list_page(screen.conn, screen.scope, limit=_COLLECTIONS)
    tree = await regions.list_all(screen.conn, screen.scope)
    return {"collections": page.items, "regions": [r for r in tree if _is_own(screen, r)]}


def _is_own(screen: Screen, region: Region) -> bool:
    """Whether a rule of the reader's may be of that region."""
    within = screen.scope.region
    return screen.scope.everything or (
        within is not None and within.low <= region.code <= within.high
    )
