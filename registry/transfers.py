"""Transfers: terminals that go from one owner to another, by consent of both, at an agreed time.

A side speaks for itself through its `client_admin`; the operator speaks for its own stock, and for
a client whose file it sees with evidence. `due_transfers` carries out what is agreed, once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from foundation import queries
from foundation.database import Connection
from foundation.errors import Invalid
from registry import credentials, keyset
from registry.credentials import Credential
from registry.errors import TerminalNotFound, TransferRefused
from registry.model import Page
from registry.scope import Right, Scope
from registry.transfer_errors import (
    EvidenceMissing,
    NothingToAgree,
    OwnersDiffer,
    TransferNotFound,
    TransferOver,
)
from registry.transfer_model import (
    OPEN,
    Offer,
    Party,
    Side,
    Step,
    Transfer,
    TransferId,
    TransferState,
    TransferTerminal,
)

sql = queries.load("registry", "transfers.sql")

MOST_TERMINALS = 1000
CONSENT_DAYS = 30
"""How long a transfer waits for consent, if its own time does not come before."""
MOST_AHEAD = timedelta(days=366)


async def propose(conn: Connection, scope: Scope, offer: Offer) -> Transfer:
    """Propose a transfer; whoever proposes it agrees for every side that is their own.

    Whether there is a client of that code is not told: what is nobody's to agree on expires.
    """
    scope.require(Right.TRANSFERS_SIGN)
    if not 1 <= len(set(offer.codes)) == len(offer.codes) <= MOST_TERMINALS:
        why = f"A transfer is of 1 to {MOST_TERMINALS} terminals, each once."
        raise Invalid(why, field="terminals")
    if offer.effective_at is not None and offer.effective_at > datetime.now(UTC) + MOST_AHEAD:
        raise Invalid("This is more than a year ahead.", field="effective_at")
    transfer_id = await _insert(conn, scope, offer, await _offered(conn, scope, offer))
    proposed = await find(conn, scope, transfer_id)
    mine = None if _is_operator(scope) else proposed.giving
    await _note(conn, transfer_id, TransferState.PROPOSED, mine)
    agreed: list[tuple[Party, str | None]] = []
    for party in proposed.parties:
        evidence = offer.evidence.get(party.side)
        if _speaks_for(scope, party) and (evidence or not _needs_evidence(scope, party)):
            agreed.append((party, evidence))
        elif evidence:
            raise NothingToAgree
    await _agree(conn, transfer_id, agreed)
    return await find(conn, scope, transfer_id)


async def _offered(conn: Connection, scope: Scope, offer: Offer) -> list[dict[str, Any]]:
    """The terminals that are to go, held; refused unless they can all go now."""
    wanted = scope.parameters() | {"codes": list(offer.codes), "at": offer.effective_at}
    rows = await (await conn.execute(sql.hold_offered, wanted)).fetchall()
    absent = set(offer.codes) - {row["code"] for row in rows}
    if absent:
        raise TerminalNotFound(f"There is no terminal {min(absent)}.")
    for row in rows:
        if row["retired"]:
            raise TransferRefused(f"The terminal {row['code']} is retired.")
        if row["too_early"]:
            raise TransferRefused(
                f"The present owner of {row['code']} has it since a later time.",
                remedy="Give a time after the last transfer.",
            )
    if len({row["group_client_id"] for row in rows}) > 1:
        raise OwnersDiffer
    return rows


async def _insert(
    conn: Connection, scope: Scope, offer: Offer, offered: Sequence[dict[str, Any]]
) -> TransferId:
    giving = await _side(conn, offered[0]["group_client_id"], None)
    receiving = await _side(conn, None, offer.to_client)
    if giving["code"] == offer.to_client:
        raise TransferRefused("The terminals are owned by that client already.")
    regions = [row["region_code"] for row in offered]
    inserted = await conn.execute(
        sql.insert_transfer,
        {
            "proposer": "operator" if _is_operator(scope) else "giving",
            "giving_id": giving["id"],
            "giving_code": giving["code"],
            "receiving_id": receiving["id"],
            "receiving_code": offer.to_client,
            "terminals": len(offered),
            "region_low": min(regions),
            "region_high": max(regions),
            "at": offer.effective_at,
            "keep_description": offer.keep_description,
            "message": offer.message,
            "days": CONSENT_DAYS,
        },
    )
    row = await inserted.fetchone()
    assert row is not None
    terminals = {
        "transfer_id": row["id"],
        "ids": [terminal["id"] for terminal in offered],
        "codes": [terminal["code"] for terminal in offered],
        "profile_ids": [terminal["profile_id"] for terminal in offered],
    }
    await conn.execute(sql.insert_terminals, terminals)
    return TransferId(row["id"])


async def _side(conn: Connection, client_id: int | None, code: str | None) -> dict[str, Any]:
    found = await conn.execute(sql.find_side, {"id": client_id, "code": code})
    return await found.fetchone() or {"id": None, "code": None, "name": None}


async def find(conn: Connection, scope: Scope, transfer_id: TransferId) -> Transfer:
    """One transfer; TransferNotFound when there is none in scope."""
    scope.require(Right.TRANSFERS_READ)
    rows = await _read(conn, scope, id=transfer_id)
    if not rows:
        raise TransferNotFound(f"There is no transfer {transfer_id}.")
    return _transfer(rows[0])


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    states: Sequence[TransferState] = (),
    terminal: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Transfer]:
    """One page of the transfers in scope, newest first; `terminal` keeps to those of a terminal."""
    scope.require(Right.TRANSFERS_READ)
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise keyset.CursorInvalid
    rows = await _read(
        conn,
        scope,
        states=[state.value for state in states] or None,
        terminal=terminal,
        after=None if after is None else int(after),
        rows=keyset.rows_asked_for(limit),
    )
    return keyset.page(rows, limit, _transfer, lambda row: str(row["id"]))


async def list_terminals(
    conn: Connection,
    scope: Scope,
    transfer_id: TransferId,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[TransferTerminal]:
    """One page of the terminals of a transfer, by code."""
    scope.require(Right.TRANSFERS_READ)
    await find(conn, scope, transfer_id)
    wanted = {"id": transfer_id, "after": after or "", "rows": keyset.rows_asked_for(limit)}
    rows = await (await conn.execute(sql.list_terminals, wanted)).fetchall()
    return keyset.page(rows, limit, lambda row: TransferTerminal(**row), lambda row: row["code"])


async def list_steps(conn: Connection, scope: Scope, transfer_id: TransferId) -> tuple[Step, ...]:
    """What was done of a transfer for the asker's own clients, or by the operator, in order."""
    scope.require(Right.TRANSFERS_READ)
    await find(conn, scope, transfer_id)
    cursor = await conn.execute(sql.list_steps, scope.parameters() | {"id": transfer_id})
    return tuple(
        [Step(**row | {"side": row["side"] and Side(row["side"])}) async for row in cursor]
    )


async def agree(
    conn: Connection,
    scope: Scope,
    transfer_id: TransferId,
    *,
    side: Side | None = None,
    evidence: str | None = None,
) -> Transfer:
    """Agree for every side, or that `side`, which the asker speaks for and which has not yet."""
    scope.require(Right.TRANSFERS_SIGN)
    held = await _hold(conn, scope, transfer_id)
    if held.state is not TransferState.PROPOSED or held.expires_at <= datetime.now(UTC):
        raise TransferOver(f"The transfer {transfer_id} does not wait for consent any more.")
    parties = [
        party
        for party in held.parties
        if party.agreed_at is None and side in (None, party.side) and _speaks_for(scope, party)
    ]
    if not parties:
        raise NothingToAgree
    for party in parties:
        if _needs_evidence(scope, party) and not evidence:
            raise EvidenceMissing
    await _agree(conn, held.id, [(party, evidence) for party in parties])
    return await find(conn, scope, transfer_id)


async def withdraw(
    conn: Connection, scope: Scope, transfer_id: TransferId, reason: str
) -> Transfer:
    """End a transfer that is not carried out yet; the other side reads the `reason`.

    It is cancelled by who proposed it or by the operator, and refused by a side that was asked.
    """
    scope.require(Right.TRANSFERS_SIGN)
    held = await _hold(conn, scope, transfer_id)
    if held.state not in OPEN:
        raise TransferOver(f"The transfer {transfer_id} is over already.")
    mine = next((p for p in held.parties if not _is_operator(scope) and p.is_seen), None)
    proposed = mine is None or (held.proposer_is_giving and mine.side is Side.GIVING)
    state = TransferState.CANCELLED if proposed else TransferState.REFUSED
    ended = {"id": transfer_id, "state": state.value, "reason": reason} | _for(mine)
    await conn.execute(sql.end_transfer, ended)
    return await find(conn, scope, transfer_id)


async def hand_out(
    conn: Connection, scope: Scope, transfer_id: TransferId
) -> tuple[Credential, ...]:
    """New passwords for the terminals that the receiving side got: once, and for that side only."""
    scope.require(Right.CREDENTIALS_ISSUE)
    held = await _hold(conn, scope, transfer_id)
    if not _speaks_for(scope, held.receiving):
        raise TransferNotFound(f"There is no transfer {transfer_id}.")
    if held.state is not TransferState.EXECUTED:
        raise TransferRefused("The terminals have not changed hands: there are no passwords yet.")
    rows = await (await conn.execute(sql.list_handed_over, {"id": transfer_id})).fetchall()
    issued = [Credential(row["code"], credentials.random_secret()) for row in rows]
    await _note(conn, held.id, "credentials", held.receiving)
    await conn.execute(
        sql.renew_credentials,
        {
            "ids": [row["id"] for row in rows],
            "verifiers": [credentials.verifier(new.password) for new in issued],
        },
    )
    return tuple(issued)


async def _hold(conn: Connection, scope: Scope, transfer_id: TransferId) -> Transfer:
    """A transfer in scope, held against everybody else who would decide on it."""
    await conn.execute(sql.hold_transfer, {"id": transfer_id})
    return await find(conn, scope, transfer_id)


def _is_operator(scope: Scope) -> bool:
    return Right.TERMINALS_TRANSFER in scope.rights


def _speaks_for(scope: Scope, party: Party) -> bool:
    return _is_operator(scope) if party.is_operator else party.is_seen


def _needs_evidence(scope: Scope, party: Party) -> bool:
    return _is_operator(scope) and not party.is_operator


async def _agree(
    conn: Connection, transfer_id: TransferId, agreed: Sequence[tuple[Party, str | None]]
) -> None:
    if not agreed:
        return
    change: dict[str, Any] = {"id": transfer_id}
    for side in Side:
        change |= {side.value: False, f"{side}_name": None}
    for party, evidence in agreed:
        named = await _side(conn, party.client_id, None)
        change |= {party.side.value: True, f"{party.side}_name": named["name"]}
        await _note(conn, transfer_id, TransferState.AGREED, party, evidence)
        if party.side is Side.RECEIVING:
            await conn.execute(sql.check_receiver, {"id": transfer_id})
    await conn.execute(sql.agree, change)


async def _note(
    conn: Connection,
    transfer_id: TransferId,
    act: str,
    party: Party | None,
    evidence: str | None = None,
) -> None:
    """Write down a step, as the affair of that side, or of the operator."""
    step = {"transfer_id": transfer_id, "act": act, "evidence": evidence} | _for(party)
    await conn.execute(sql.insert_step, step)


def _for(party: Party | None) -> dict[str, Any]:
    if party is None:
        return {"side": None, "group_client_id": None}
    return {"side": party.side.value, "group_client_id": party.client_id}


_ANY: dict[str, Any] = {"id": None, "after": None, "states": None, "terminal": None, "rows": 1}


async def _read(conn: Connection, scope: Scope, **wanted: Any) -> list[dict[str, Any]]:
    cursor = await conn.execute(sql.list_transfers, _ANY | wanted | scope.parameters())
    return await cursor.fetchall()


def _transfer(row: dict[str, Any]) -> Transfer:
    given = {name: row[name] for name in Transfer.__dataclass_fields__ if name in row}
    return Transfer(
        **given | {"state": TransferState(row["state"])},
        proposer_is_giving=row["proposer"] == "giving",
        giving=_party(row, Side.GIVING, is_operator=row["given_by_operator"]),
        receiving=_party(row, Side.RECEIVING, is_operator=row["received_by_operator"]),
    )


def _party(row: dict[str, Any], side: Side, *, is_operator: bool) -> Party:
    return Party(
        side,
        is_operator,
        row[f"{side}_id"],
        row[f"{side}_code"],
        row[f"{side}_name"],
        row[f"{side}_agreed_at"],
        row[f"{side}_seen"],
    )
