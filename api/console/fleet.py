"""The fleet as a list: terminals with what is known of their data."""

from dataclasses import dataclass

from api.console.words import Data, Finding
from foundation.database import Connection
from registry import profiles, regions
from registry.model import (
    DeviceProfile,
    GroupClientId,
    Page,
    Region,
    RegionRange,
    Sector,
    Terminal,
    TerminalState,
)
from registry.scope import Scope
from telemetry import presence
from telemetry.model import DataState, Presence
from telemetry.presence import Heard


@dataclass(frozen=True, slots=True)
class Row:
    """A terminal of a list, with all that its line shows."""

    terminal: Terminal
    profile: DeviceProfile
    region: Region
    presence: Presence
    data: Data


_DATA = {
    DataState.ONLINE: Data.REPORTING,
    DataState.SILENT: Data.SILENT,
    DataState.NEVER: Data.NEVER,
}
# Who was never heard is silent, too: a count of the silent opens a list as long.
_HEARD = {Data.REPORTING: Heard.ONLINE, Data.SILENT: Heard.ABSENT, Data.NEVER: Heard.NEVER}


def data_of(terminal: Terminal, known: Presence) -> Data:
    """What to say of a terminal's data."""
    return _DATA[known.data] if terminal.state.counts_in_rates else Data.IDLE


_FIRST_BY_STATE = {
    TerminalState.RETIRED: Finding.RETIRED,
    TerminalState.REGISTERED: Finding.ONLY_REGISTERED,
    TerminalState.ISOLATED: Finding.ISOLATED,
}


def finding_of(terminal: Terminal, data: Data, known: Presence, *, refused_lately: bool) -> Finding:
    """What stands in a terminal's way, the first thing that does."""
    if terminal.state in _FIRST_BY_STATE:
        return _FIRST_BY_STATE[terminal.state]
    if known.data_at is None:
        return Finding.NEVER_HEARD
    if data is Data.SILENT:
        return Finding.SILENT
    if refused_lately:
        return Finding.REFUSED
    return Finding.NOT_COUNTED if data is Data.IDLE else Finding.WELL


async def list_rows(
    conn: Connection,
    scope: Scope,
    *,
    prefix: str | None,
    group_client: GroupClientId | None,
    region: RegionRange | None,
    state: TerminalState | None,
    profile: str | None,
    sector: Sector | None,
    data: Data | None,
    after: str | None,
    limit: int,
) -> Page[Row]:
    """One page of the list; with `data`, of the terminals in service."""
    page = await presence.list_terminals(
        conn,
        scope,
        data=_HEARD[data] if data else None,
        sector=sector,
        prefix=prefix,
        group_client=group_client,
        region=region,
        state=state or (TerminalState.IN_SERVICE if data else None),
        profile=profile,
        after=after,
        limit=limit,
    )
    named_profiles = {p.code: p for p in await profiles.list_all(conn, scope)}
    named_regions = {r.code: r for r in await regions.list_all(conn, scope)}
    rows = [
        Row(
            found.terminal,
            named_profiles[found.terminal.profile_code],
            named_regions[found.terminal.region_code],
            found.presence,
            data_of(found.terminal, found.presence),
        )
        for found in page.items
    ]
    return Page(rows, page.next_key)
