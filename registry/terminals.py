"""Terminals: put on the roll, found, moved through their lives."""

from dataclasses import dataclass
from typing import Any

from foundation import queries
from foundation.database import Connection
from registry import client_packages, credentials, enrolment, group_clients, lives, profiles
from registry.certificates import RevocationReason
from registry.credentials import Credential
from registry.enrolment import Draft
from registry.errors import TerminalNotFound, TransitionRefused
from registry.identifiers import Imei, TerminalCode
from registry.life_errors import ReasonMissing
from registry.model import RegionCode, Terminal, TerminalState
from registry.package_model import ProfileMissing
from registry.scope import Right, Scope

sql = queries.load("registry")

lives_sql = queries.load("registry", "lives.sql")


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
    profile: str | None,
    region: RegionCode,
    group_client: str | None = None,
    name: str | None = None,
    imei: Imei | None = None,
    state: TerminalState = TerminalState.REGISTERED,
) -> Registered:
    """Put a terminal on the roll; `profile` and `group_client` are codes, None is the operator.

    Without a profile it is of the first one of its owner's package; ProfileMissing without that.
    """
    scope.require(Right.TERMINALS_REGISTER)
    owner = await group_clients.find(conn, scope, group_client) if group_client else None
    if profile is None:
        offered = await client_packages.list_profiles(conn, scope, owner.id if owner else None)
        profile = next(iter(offered), None)
    if profile is None:
        raise ProfileMissing
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
    return terminal_of(row)


async def move_to(
    conn: Connection,
    scope: Scope,
    code: str,
    state: TerminalState,
    *,
    reason: str | None = None,
) -> Terminal:
    """Put a terminal into another state; TransitionRefused where `lives` has no way.

    Who isolates says why; an isolated terminal returns to the state in which it was isolated.
    """
    scope.require(lives.right_to(state))
    reason = (reason and reason.strip()) or None
    if state is TerminalState.ISOLATED and reason is None:
        raise ReasonMissing(field="reason")
    wanted = {"code": code, "state": state.value, "reason": reason}
    moved = await conn.execute(
        lives_sql.move_terminal,
        scope.parameters() | wanted | {"from_states": lives.origins_of(state)},
    )
    row = await moved.fetchone()
    if row is None:
        raise await _no_way(conn, scope, code, state)
    if state is TerminalState.RETIRED:
        await credentials.cut_off(conn, scope, code, RevocationReason.CESSATION_OF_OPERATION)
        await _free(conn, row["id"])
    return await find(conn, scope, code)


async def _no_way(
    conn: Connection, scope: Scope, code: str, state: TerminalState
) -> TransitionRefused:
    """Why a terminal cannot come into a state; TerminalNotFound if it is not in scope."""
    found = await find(conn, scope, code)
    before = await state_before(conn, scope, found)
    returns = f" It was isolated in {before.value}, and returns there." if before else ""
    return TransitionRefused(
        f"A terminal cannot go from {found.state.value} to {state.value}.{returns}"
    )


async def state_before(conn: Connection, scope: Scope, terminal: Terminal) -> TerminalState | None:
    """The state to which an isolated terminal returns; None for one that is not isolated."""
    scope.require(Right.TERMINALS_READ)
    if terminal.state is not TerminalState.ISOLATED:
        return None
    asked = await conn.execute(lives_sql.state_before_isolation, {"terminal_id": terminal.id})
    row = await asked.fetchone()
    assert row is not None
    return TerminalState(row["state"])


async def _free(conn: Connection, terminal_id: int) -> None:
    """Let go of what others may need."""
    for statement in (
        lives_sql.free_hardware,
        lives_sql.free_sim,
        lives_sql.free_wire_names,
        lives_sql.leave_gateway,
    ):
        await conn.execute(statement, {"terminal_id": terminal_id})


async def retire(conn: Connection, scope: Scope, code: str) -> Terminal:
    """End a terminal's life: cut off within 5 seconds; modem, SIM and wire names become free."""
    return await move_to(conn, scope, code, TerminalState.RETIRED)


def terminal_of(row: dict[str, Any]) -> Terminal:
    """A row of `registry.terminal_card`."""
    return Terminal(**row | {"state": TerminalState(row["state"]), "tags": tuple(row["tags"])})
