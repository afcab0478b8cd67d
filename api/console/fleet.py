"""The fleet as a list: terminals with what is known of their data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.console.words import Data, Finding
from foundation.database import Connection
from registry import profiles, regions, terminals
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
from registry.scope import Right, Scope
from telemetry import reader

_LOOKED_AT_ONCE = 500
_LOOKED_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """A terminal of a list, with all that its line shows."""

    terminal: Terminal
    profile: DeviceProfile
    region: Region
    last_data_at: datetime | None
    data: Data


def data_of(terminal: Terminal, last_data_at: datetime | None, now: datetime) -> Data:
    """What to say of a terminal's data, by the rule that `reader.silence` counts by."""
    if not terminal.state.counts_in_rates:
        return Data.IDLE
    if last_data_at is None:
        return Data.NEVER
    patience = timedelta(seconds=terminal.silent_after_seconds)
    return Data.SILENT if now - last_data_at > patience else Data.REPORTING


_FIRST_BY_STATE = {
    TerminalState.RETIRED: Finding.RETIRED,
    TerminalState.REGISTERED: Finding.ONLY_REGISTERED,
    TerminalState.ISOLATED: Finding.ISOLATED,
}


def finding_of(
    terminal: Terminal, data: Data, last_data_at: datetime | None, *, refused_lately: bool
) -> Finding:
    """What stands in a terminal's way, the first thing that does."""
    if terminal.state in _FIRST_BY_STATE:
        return _FIRST_BY_STATE[terminal.state]
    if last_data_at is None:
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
    """One page of the list.

    `sector` and `data` are no columns of a terminal: where they are asked for, more terminals are
    looked at until the page is full or ten thousand were, so a page may be longer or shorter.
    """
    looks_further = sector is not None or data is not None
    if data is not None:
        state = state or TerminalState.IN_SERVICE
    named_profiles = {p.code: p for p in await profiles.list_all(conn, scope)}
    named_regions = {r.code: r for r in await regions.list_all(conn, scope)}
    rows: list[Row] = []
    looked_at = 0
    while True:
        page = await terminals.list_page(
            conn,
            scope,
            prefix=prefix,
            group_client=group_client,
            region=region,
            state=state,
            profile=profile,
            after=after,
            limit=_LOOKED_AT_ONCE if looks_further else limit,
        )
        last_data = await _last_data(conn, scope, page.items)
        now = datetime.now(UTC)
        for terminal in page.items:
            at = last_data.get(terminal.id)
            row = Row(
                terminal,
                named_profiles[terminal.profile_code],
                named_regions[terminal.region_code],
                at,
                data_of(terminal, at, now),
            )
            if sector in (None, row.profile.sector) and _is_asked_for(row.data, data):
                rows.append(row)
        looked_at += len(page.items)
        after = page.next_key
        if after is None or len(rows) >= limit or looked_at >= _LOOKED_AT_MOST:
            return Page(rows, after)


def _is_asked_for(data: Data, wanted: Data | None) -> bool:
    """Who was never heard is silent, too: a count of the silent opens a list as long."""
    return wanted in (None, data) or (wanted is Data.SILENT and data is Data.NEVER)


async def _last_data(
    conn: Connection, scope: Scope, listed: Sequence[Terminal]
) -> dict[int, datetime]:
    if Right.TELEMETRY_READ not in scope.rights:
        return {}
    return await reader.last_data(conn, scope, [terminal.id for terminal in listed])
