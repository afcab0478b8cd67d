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
from registry.model import GroupClientId, Page, RegionRange, SimId
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


class Action(StrEnum):
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
    action: Action = Action.EVENT

    @classmethod
    def parse(
        cls,
        mode: Mode,
        imeis: Iterable[str] = (),
        tacs: Iterable[str] = (),
        action: Action = Action.EVENT,
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
    that is not yours to see) said `heard_*` when the verdict came to be, at `heard_at`.
    """

    iccid: str
    mode: Mode
    imeis: tuple[str, ...]
    tacs: tuple[str, ...]
    action: Action
    reason: str | None
    set_by: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundSim:
    """A line of the list of bindings: whose the SIM is and where it is on record, and its rule."""

    group_client: str | None
    group_client_name: str | None
    region_code: int
    terminal: str | None
    binding: Binding


async def find(conn: Connection, scope: Scope, iccid: Iccid) -> Binding | None:
    """The rule that holds for a SIM; None where none was ever set. SimNotFound out of scope."""
    scope.require(Right.SIMS_READ)
    sim_id = await _sim_id(conn, scope, iccid)
    row = await (await conn.execute(sql.find_binding, {"sim_id": sim_id})).fetchone()
    return None if row is None else binding_of(row)


async def list_past(conn: Connection, scope: Scope, iccid: Iccid) -> tuple[Binding, ...]:
    """Every rule that a SIM had as far as the scope may see them, the newest first."""
    scope.require(Right.SIMS_READ)
    sim_id = await _sim_id(conn, scope, iccid)
    cursor = await conn.execute(sql.list_bindings_of_sim, {"sim_id": sim_id})
    return tuple([binding_of(row) async for row in cursor])


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


@dataclass(frozen=True, slots=True)
class Search:
    """What a list of bindings is narrowed to; without `mode`, SIMs that are bound."""

    verdict: Verdict | None = None
    violation: Violation | None = None
    mode: Mode | None = None
    group_client: GroupClientId | None = None
    region: RegionRange | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to walk the rules that hold: a query in the order of `column` and SIM, its letter."""

    letter: str
    query: str
    column: str


_BY_SIM = _Way("s", sql.list_bindings_by_sim, "sim_id")
_BY_REGION = _Way("r", sql.list_bindings_by_region, "region_code")
_BY_CLIENT = _Way("o", sql.list_bindings_by_client, "group_client_id")
_ELSEWHERE = _Way("e", sql.list_bindings_elsewhere, "group_client_id")
_NOWHERE, _EVERYWHERE = RegionRange(0, -1), RegionRange(-(2**31), 2**31 - 1)


async def list_page(
    conn: Connection,
    scope: Scope,
    search: Search,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[BoundSim]:
    """One page of the rules that hold in scope, in the order that an index gives.

    Of a client by owner, of a region by region; else by SIM, as are the violated, which are few.
    A narrower scope lists the SIMs of its region, then those that its clients have elsewhere.
    """
    scope.require(Right.SIMS_READ)
    if search.group_client is not None:
        ways, within = [_BY_CLIENT], search.region or _EVERYWHERE
    elif search.region is not None:
        ways, within = [_BY_REGION], search.region
    elif scope.everything or search.verdict is Verdict.VIOLATED:
        ways, within = [_BY_SIM], _EVERYWHERE
    else:
        ways, within = [_BY_REGION, _ELSEWHERE], scope.region or _NOWHERE
    wanted: dict[str, Any] = scope.parameters() | {"rows": keyset.rows_asked_for(limit)}
    wanted |= {"low": within.low, "high": within.high, "group_client": search.group_client}
    wanted |= {"verdict": search.verdict, "violation": search.violation, "mode": search.mode}
    rows: list[tuple[_Way, dict[str, Any]]] = []
    for way, start in _from(ways, after):
        cursor = await conn.execute(way.query, wanted | start)
        rows += [(way, row) async for row in cursor]
        if len(rows) > limit:
            break
    return keyset.page(rows, limit, lambda pair: _bound(pair[1]), _cursor)


def _from(ways: list[_Way], after: str | None) -> list[tuple[_Way, dict[str, int]]]:
    """The ways that are left to walk, from where the cursor is."""
    start = {"after": -1, "after_id": 0}
    if after is None:
        return [(way, start) for way in ways]
    letters = [way.letter for way in ways]
    first, _, last = after[1:].partition(".")
    try:
        left = ways[letters.index(after[:1]) :]
        begun = {"after": int(first), "after_id": int(last)}
    except ValueError:
        raise keyset.CursorInvalid from None
    return [(left[0], begun), *((way, start) for way in left[1:])]


def _cursor(pair: tuple[_Way, dict[str, Any]]) -> str:
    way, row = pair
    return f"{way.letter}{row[way.column]}.{row['sim_id']}"


async def _sim_id(conn: Connection, scope: Scope, iccid: Iccid) -> SimId:
    cursor = await conn.execute(sql.find_sim_id, scope.parameters() | {"iccid": str(iccid)})
    row = await cursor.fetchone()
    if row is None:
        raise SimNotFound(f"There is no SIM {iccid}.")
    return SimId(row["id"])


def binding_of(row: dict[str, Any]) -> Binding:
    """The binding of a row of `registry.binding_card`."""
    given = {field.name: row[field.name] for field in fields(Binding)}
    violation, mode = row["violation"], Mode(row["mode"])
    return Binding(
        **given
        | {
            "mode": mode,
            "imeis": tuple(row["imeis"]),
            "tacs": tuple(row["tacs"]),
            "action": Action(row["action"]),
            "verdict": None if mode is Mode.OFF else Verdict(row["verdict"]),
            "violation": violation and Violation(violation),
        }
    )


def _bound(row: dict[str, Any]) -> BoundSim:
    return BoundSim(
        group_client=row["group_client_code"],
        group_client_name=row["group_client_name"],
        region_code=row["region_code"],
        terminal=row["terminal_code"],
        binding=binding_of(row),
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of a province's SIMs in use, how many are bound, and with which verdict.

    A SIM is in use while it is in a terminal that may connect.
    """

    region_code: int
    in_use: int
    bound: int
    ok: int
    violated: int
    unproven: int

    @property
    def proven(self) -> int:
        """Bound SIMs whose terminals have said enough for a verdict."""
        return self.ok + self.violated

    @property
    def coverage(self) -> float:
        """The share of the SIMs in use that is proven; 0 where none is in use."""
        return self.proven / self.in_use if self.in_use else 0.0


async def cover(conn: Connection, scope: Scope) -> tuple[Coverage, ...]:
    """The coverage of the SIMs in scope, by province."""
    scope.require(Right.SIMS_READ)
    cursor = await conn.execute(sql.count_coverage, scope.parameters())
    return tuple([Coverage(**row) async for row in cursor])
