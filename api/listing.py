"""Many terminals, as every route takes them that is asked about them: named, or filtered."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from foundation.database import Connection
from registry import collections, group_clients, regions
from registry.scope import Scope
from registry.terminal_lists import Filters
from telemetry.errors import TerminalsInvalid


@dataclass(frozen=True, slots=True)
class Listed:
    """The filters that were given; all of them hold."""

    group_client: str | None
    region: int | None
    profile: str | None
    collection: int | None

    def refuse_beside_names(self, *others: object) -> None:
        """TerminalsInvalid where any of these, or of `others`, is given."""
        given = (self.group_client, self.region, self.profile, self.collection, *others)
        if any(value is not None for value in given):
            raise TerminalsInvalid(
                "Name terminals, or filter the list of them; not both.",
                field="terminals",
                remedy="Leave one of the two out.",
            )

    async def filters(self, conn: Connection, scope: Scope) -> Filters:
        """The same as the list of terminals takes them."""
        owner, region, among = None, None, None
        if self.group_client is not None:
            owner = (await group_clients.find(conn, scope, self.group_client)).id
        if self.region is not None:
            region = (await regions.find(conn, scope, self.region)).range
        if self.collection is not None:
            among = await collections.filters_of(conn, scope, self.collection)
        return Filters(group_client=owner, region=region, profile=self.profile, also=among)


def _asked(
    group_client: Annotated[
        str | None, Query(max_length=64, description="Owned by it or a client below it.")
    ] = None,
    region: Annotated[int | None, Query(description="Installed in its subtree.")] = None,
    profile: Annotated[str | None, Query(max_length=64)] = None,
    collection: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="In it now.")] = None,
) -> Listed:
    return Listed(group_client, region, profile, collection)


Filtered = Annotated[Listed, Depends(_asked)]
