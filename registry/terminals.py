"""Terminals: put on the roll, found, listed, moved through their lives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import enrolment, group_clients, keyset, profiles
from registry.credentials import Credential
from registry.enrolment import Draft
from registry.errors import TerminalNotFound, TransitionRefused
from registry.identifiers import Imei, TerminalCode
from registry.model import GroupClientId, Page, RegionCode, RegionRange, Terminal, TerminalState
from registry.scope import Right, Scope

sql = queries.load("registry")

_S = TerminalState
TRANSITIONS: Mapping[TerminalState, frozenset[TerminalState]] = MappingProxyType(
    {
        _S.REGISTERED: frozenset({_S.PROVISIONED, _S.TESTING, _S.RETIRED}),
        _S.PROVISIONED: frozenset({_S.TESTING, _S.ISOLATED, _S.RETIRED}),
        _S.TESTING: frozenset({_S.IN_SERVICE, _S.ISOLATED, _S.RETIRED}),
        _S.IN_SERVICE: frozenset({_S.MAINTENANCE, _S.ISOLATED, _S.RETIRED}),
        _S.MAINTENANCE: frozenset({_S.IN_SERVICE, _S.ISOLATED, _S.RETIRED}),
        _S.ISOLATED: frozenset({_S.TESTING, _S.IN_SERVICE, _S.MAINTENANCE, _S.RETIRED}),
        _S.RETIRED: frozenset(),
    }
)
"""Where a terminal may go from each state; a retired one never comes back."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A terminal just put on the roll, and its credential, which cannot be shown again."""

    terminal: Terminal
    credential: Credential


async def register(
    conn: Connection,
    scope: Scope,
    *,
    code: TerminalCode,
    profile: str,
    region: RegionCode,
    group_client: str | None = None,
    name: str | None = None,
    imei: Imei | None = None,
    state: TerminalState = TerminalState.REGISTERED,
) -> Registered:
    """Put a terminal on the roll; `profile` and `group_client` are codes, None is the operator."""
    scope.require(Right.TERMINALS_REGISTER)
    owner = await group_clients.find(conn, scope, group_client) if group_client else None
    draft = Draft(
        code=code,
        profile_id=(await profiles.find(conn, scope, profile)).id,
        region_code=region,
        group_client_id=owner.id if owner else None,
        name=name,
        state=state,
        imei=imei,
    )
    await enrolment.enrol(conn, scope, [draft])
    return Registered(await find(conn, scope, str(code)), Credential(str(code), draft.secret))


async def find(conn: Connection, scope: Scope, code: str) -> Terminal:
    """The terminal of that code; TerminalNotFound when there is none in scope."""
    scope.require(Right.TERMINALS_READ)
    cursor = await conn.execute(sql.find_terminal, scope.parameters() | {"code": code})
    row = await cursor.fetchone()
    if row is None:
        raise TerminalNotFound(f"There is no terminal {code}.")
    return _terminal(row)


async def count_by_state(conn: Connection, scope: Scope) -> dict[TerminalState, int]:
    """How many terminals in scope are in each state; states that none is in are left out."""
    scope.require(Right.TERMINALS_READ)
    counted = await conn.execute(sql.count_terminals, scope.parameters())
    return {TerminalState(row["state"]): row["terminals"] async for row in counted}


async def move_to(conn: Connection, scope: Scope, code: str, state: TerminalState) -> Terminal:
    """Put a terminal into another state; TransitionRefused where TRANSITIONS has no way."""
    scope.require(
        Right.TERMINALS_RETIRE if state is TerminalState.RETIRED else Right.TERMINALS_CHANGE
    )
    origins = [origin.value for origin, ways in TRANSITIONS.items() if state in ways]
    moved = await conn.execute(
        sql.move_terminal,
        scope.parameters() | {"code": code, "state": state.value, "from_states": origins},
    )
    row = await moved.fetchone()
    if row is None:
        now = (await find(conn, scope, code)).state
        raise TransitionRefused(f"A terminal cannot go from {now.value} to {state.value}.")
    if state is TerminalState.RETIRED:
        await conn.execute(sql.close_hardware, {"terminal_id": row["id"]})
        await conn.execute(sql.close_installation, {"terminal_id": row["id"]})
        await conn.execute(sql.delete_wire_names, {"terminal_id": row["id"]})
    return await find(conn, scope, code)


async def retire(conn: Connection, scope: Scope, code: str) -> Terminal:
    """End a terminal's life: cut off within 5 seconds; modem, SIM and wire names become free."""
    return await move_to(conn, scope, code, TerminalState.RETIRED)


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to walk the roll: a query in the order of `column` and id, its cursors' letter."""

    letter: str
    query: str
    column: str

    def start(self, cursor: str | None) -> dict[str, str | int]:
        """The key after which a page begins."""
        code = self.column == "code"
        if cursor is None:
            return {"after": "" if code else -1, "after_id": 0}
        first, _, last_id = cursor[1:].rpartition(".")
        try:
            return {"after": first if code else int(first), "after_id": int(last_id)}
        except ValueError:
            raise keyset.CursorInvalid from None

    def cursor(self, row: dict[str, Any]) -> str:
        """The cursor that opens the page after this row."""
        return f"{self.letter}{row[self.column]}.{row['id']}"


_BY_CODE = _Way("c", sql.list_terminals_by_code, "code")
_BY_REGION = _Way("r", sql.list_terminals_by_region, "region_code")
_BY_CLIENT = _Way("o", sql.list_terminals_by_client, "group_client_id")
_ELSEWHERE = _Way("e", sql.list_terminals_elsewhere, "group_client_id")
_NOWHERE, _EVERYWHERE = RegionRange(0, -1), RegionRange(-(2**31), 2**31 - 1)


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    prefix: str | None = None,
    group_client: GroupClientId | None = None,
    region: RegionRange | None = None,
    state: TerminalState | None = None,
    profile: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Terminal]:
    """One page of the terminals in scope; `group_client` stands for itself and all below it.

    In the order that an index gives the narrowest of what is asked: of a client by owner, of a
    region by region, of everything by code. A narrower scope lists what is installed in its region,
    then what its clients, or those it supervises, have elsewhere. `after` is the `next_key` of the
    page before, with the same filters.
    """
    scope.require(Right.TERMINALS_READ)
    if group_client is not None:
        ways, within = [_BY_CLIENT], region or _EVERYWHERE
    elif region is not None:
        ways, within = [_BY_REGION], region
    elif scope.everything or (scope.region and await _is_whole(conn, scope)):
        ways, within = [_BY_CODE], _EVERYWHERE
    else:
        ways, within = [_BY_REGION, _ELSEWHERE], scope.region or _NOWHERE
    wanted = scope.parameters() | keyset.prefix_range(prefix)
    wanted |= {"group_client": group_client, "low": within.low, "high": within.high}
    wanted |= {"state": state, "rows": keyset.rows_asked_for(limit)}
    wanted |= {"profile_id": await _profile_id(conn, profile) if profile else None}
    rows: list[tuple[_Way, dict[str, Any]]] = []
    for way in _from(ways, after):
        cursor = await conn.execute(way.query, wanted | way.start(after))
        rows += [(way, row) async for row in cursor]
        if len(rows) > limit:
            break
        after = None
    return keyset.page(
        rows, limit, lambda pair: _terminal(pair[1]), lambda pair: pair[0].cursor(pair[1])
    )


async def list_these(conn: Connection, scope: Scope, terminal_ids: Sequence[int]) -> list[Terminal]:
    """Those of these terminals that are in scope, by code."""
    scope.require(Right.TERMINALS_READ)
    wanted = scope.parameters() | {"ids": list(terminal_ids)}
    cursor = await conn.execute(sql.list_these_terminals, wanted)
    return [_terminal(row) async for row in cursor]


async def _is_whole(conn: Connection, scope: Scope) -> bool:
    row = await (await conn.execute(sql.covers_every_region, scope.parameters())).fetchone()
    return bool(row and row["whole"])


async def _profile_id(conn: Connection, profile: str) -> int:
    row = await (await conn.execute(sql.find_profile_id, {"profile": profile})).fetchone()
    return row["id"] if row else -1


def _from(ways: list[_Way], after: str | None) -> list[_Way]:
    """The ways that are left to walk: from the one that the cursor is of."""
    if after is None:
        return ways
    letters = [way.letter for way in ways]
    if after[:1] not in letters:
        raise keyset.CursorInvalid
    return ways[letters.index(after[0]) :]


def _terminal(row: dict[str, Any]) -> Terminal:
    return Terminal(**row | {"state": TerminalState(row["state"]), "tags": tuple(row["tags"])})
