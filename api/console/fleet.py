"""The fleet as a list: terminals with what is known of their data."""

from dataclasses import dataclass
from typing import Unpack

from api.console.words import Data
from foundation.database import Connection
from registry import profiles, regions
from registry.model import DeviceProfile, Page, Region, Terminal, TerminalState
from registry.scope import Scope
from registry.terminal_lists import Filters
from telemetry import presence
from telemetry.model import DataState, Presence, SessionState
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


def asked(data: Data | None, filters: Filters) -> tuple[Heard | None, Filters]:
    """What a list is asked for; of data, of the terminals in service, unless a state is named."""
    if data is not None and filters.get("state") is None:
        filters = {**filters, "state": TerminalState.IN_SERVICE}
    return (_HEARD[data] if data else None), filters


async def list_rows(
    conn: Connection,
    scope: Scope,
    *,
    data: Data | None,
    session: SessionState | None = None,
    after: str | None,
    limit: int,
    **filters: Unpack[Filters],
) -> Page[Row]:
    """One page of the list."""
    heard, narrowed = asked(data, filters)
    page = await presence.list_terminals(
        conn, scope, data=heard, session=session, after=after, limit=limit, **narrowed
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
