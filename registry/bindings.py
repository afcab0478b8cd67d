"""Which hardware a SIM may work in, from when to when, and whether it does.

A rule is set by people and holds until the next one; `off` is a rule, too. The verdict on it comes
from what terminals say of themselves (`telemetry.identities`), and is judged by the database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Self

from foundation import queries
from foundation.database import Connection
from registry import keyset
from registry.binding_errors import RuleInvalid
from registry.errors import MomentAhead, SimNotFound
from registry.identifiers import Iccid, Imei, tac_of
from registry.model import Page, SimId
from registry.scope import Right, Scope

sql = queries.load("registry", "bindings.sql")

MOST_IMEIS = 1_000
MOST_TACS = 100
_AT_ONCE = 5_000


class Mode(StrEnum):
    """Which hardware a rule allows: any, what is seen first, one IMEI, some of them, some types."""

    OFF = "off"
    FIRST_SEEN = "first_seen"
    EXACT = "exact"
    IMEI_LIST = "imei_list"
    TAC = "tac"


class BindingAction(StrEnum):
    """What becomes of a violation: a line in the log, an event, or an event and more.

    `isolate` takes the terminal's readings no more until an operator lets it in again; `refuse`
    sends to quarantine each message that shows a violation, and nothing else.
    """

    LOG = "log"
    EVENT = "event"
    ISOLATE = "isolate"
    REFUSE = "refuse"


class Verdict(StrEnum):
    """Whether a SIM is where its rule wants it; `unproven`: the terminal has not said enough."""

    OK = "ok"
    VIOLATED = "violated"
    UNPROVEN = "unproven"


class Violation(StrEnum):
    """How a rule is violated."""

    SEPARATION = "separation"
    """The SIM is in other hardware."""
    SIM_CHANGED = "sim_changed"
    """Another SIM is in its terminal."""
    RIVAL_SIM = "rival_sim"
    """Another operator's SIM is in its terminal."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which hardware is allowed, and what becomes of any other."""

    mode: Mode
    imeis: tuple[str, ...] = ()
    tacs: tuple[str, ...] = ()
    action: BindingAction = BindingAction.EVENT

    @classmethod
    def parse(
        cls,
        mode: Mode,
        imeis: Iterable[str] = (),
        tacs: Iterable[str] = (),
        action: BindingAction = BindingAction.EVENT,
    ) -> Self:
        """The rule in normal form, each IMEI and TAC once; RuleInvalid or IdentifierInvalid."""
        numbers = tuple(dict.fromkeys(str(Imei.parse(imei)) for imei in imeis))
        types = tuple(dict.fromkeys(map(tac_of, tacs)))
        most_imeis = {Mode.EXACT: 1, Mode.IMEI_LIST: MOST_IMEIS}.get(mode, 0)
        most_tacs = MOST_TACS if mode is Mode.TAC else 0
        for given, most, what in ((numbers, most_imeis, "imeis"), (types, most_tacs, "tacs")):
            if len(given) > most or (most and not given):
                raise RuleInvalid(f"{mode.value} does not go with {len(given)} {what}.", field=what)
        return cls(mode, numbers, types, action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A rule of a SIM and the verdict on it; `valid_to` None is still, `version` counts the rules.

    `first_imei` is what a `first_seen` rule has seen. The `witness` (a terminal's code, None where
    that is not yours to see) said `heard_*` when the verdict came to be, at `heard_at`. `set_by` is
    told to who may read the audit, and to who it is.
    """

    iccid: str
    mode: Mode
    imeis: tuple[str, ...]
    tacs: tuple[str, ...]
    action: BindingAction
    reason: str | None
    set_by: str | None
    valid_from: datetime
    valid_to: datetime | None
    version: int
    first_imei: str | None
    verdict: Verdict | None
    verdict_since: datetime
    violation: Violation | None
    witness: str | None
    heard_at: datetime | None
    heard_imei: str | None
    heard_iccid: str | None
    heard_imsi: str | None


async def find(conn: Connection, scope: Scope, iccid: Iccid) -> Binding | None:
    """The rule that holds for a SIM; None where none was ever set. SimNotFound out of scope."""
    scope.require(Right.SIMS_READ)
    sim_id = await _sim_id(conn, scope, iccid)
    row = await (await conn.execute(sql.find_binding, {"sim_id": sim_id})).fetchone()
    return None if row is None else binding_of(row, scope)


async def list_past(
    conn: Connection, scope: Scope, iccid: Iccid, *, after: str | None = None, limit: int = 50
) -> Page[Binding]:
    """One page of the rules that a SIM had as far as the scope may see them, the newest first.

    It begins with the one that holds.
    """
    scope.require(Right.SIMS_READ)
    wanted: dict[str, Any] = {"sim_id": await _sim_id(conn, scope, iccid)}
    wanted |= {"before": None if after is None else keyset.number(after)}
    wanted |= {"rows": keyset.rows_asked_for(limit)}
    rows = await (await conn.execute(sql.list_bindings_of_sim, wanted)).fetchall()
    return keyset.page(
        rows, limit, lambda row: binding_of(row, scope), lambda row: str(row["version"])
    )


async def put(
    conn: Connection,
    scope: Scope,
    iccid: Iccid,
    rule: Rule,
    *,
    reason: str | None = None,
    at: datetime | None = None,
) -> Binding:
    """Let a rule hold for a SIM since `at` (now), in place of the one before.

    It may be put on record late, but not before the present one began.
    """
    scope.require(Right.BINDINGS_SET)
    held = await conn.execute(sql.hold_sim, scope.parameters() | {"iccid": str(iccid), "at": at})
    sim = await held.fetchone()
    if sim is None:
        raise SimNotFound(f"There is no SIM {iccid}.")
    if sim["ahead"]:
        raise MomentAhead(field="at")
    await _begin(conn, scope, [(sim["id"], rule)], reason, sim["at"])
    binding = await find(conn, scope, iccid)
    assert binding is not None
    return binding


async def put_many(
    conn: Connection,
    scope: Scope,
    wanted: Iterable[tuple[SimId, Rule]],
    *,
    reason: str | None = None,
) -> int:
    """Let rules hold from now on, of SIMs that the caller has found in scope, each once."""
    scope.require(Right.BINDINGS_SET)
    rest, count = iter(wanted), 0
    while part := list(islice(rest, _AT_ONCE)):
        await _begin(conn, scope, part, reason, None)
        count += len(part)
    return count


async def _begin(
    conn: Connection,
    scope: Scope,
    wanted: Sequence[tuple[SimId, Rule]],
    reason: str | None,
    at: datetime | None,
) -> None:
    sim_ids = [sim_id for sim_id, _ in wanted]
    await conn.execute(sql.end_bindings, {"sim_ids": sim_ids, "at": at})
    await conn.execute(
        sql.begin_bindings,
        {
            "sim_ids": sim_ids,
            "modes": [rule.mode.value for _, rule in wanted],
            "imeis": [",".join(rule.imeis) for _, rule in wanted],
            "tacs": [",".join(rule.tacs) for _, rule in wanted],
            "actions": [rule.action.value for _, rule in wanted],
            "reason": reason,
            "actor": scope.actor,
            "at": at,
        },
    )


async def _sim_id(conn: Connection, scope: Scope, iccid: Iccid) -> SimId:
    cursor = await conn.execute(sql.find_sim_id, scope.parameters() | {"iccid": str(iccid)})
    row = await cursor.fetchone()
    if row is None:
        raise SimNotFound(f"There is no SIM {iccid}.")
    return SimId(row["id"])


def actor_told(actor: str | None, scope: Scope) -> str | None:
    """Who did something, for whose scope it is to know: the audit's readers, and who did it."""
    return actor if Right.AUDIT_READ in scope.rights or actor == scope.actor else None


def binding_of(row: dict[str, Any], scope: Scope) -> Binding:
    """The binding of a row of `registry.binding_card`."""
    given = {field.name: row[field.name] for field in fields(Binding)}
    violation, mode = row["violation"], Mode(row["mode"])
    return Binding(
        **given
        | {
            "mode": mode,
            "set_by": actor_told(row["set_by"], scope),
            "imeis": tuple(row["imeis"]),
            "tacs": tuple(row["tacs"]),
            "action": BindingAction(row["action"]),
            "verdict": None if mode is Mode.OFF else Verdict(row["verdict"]),
            "violation": violation and Violation(violation),
        }
    )
