"""Lists of terminals: narrowed by any of their filters, page by page in an order that stays."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypedDict, Unpack

from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from foundation.errors import Invalid
from registry import keyset, particulars, regions
from registry.model import GroupClientId, Page, RegionRange, Sector, Terminal, TerminalState
from registry.scope import Right, Scope
from registry.terminals import terminal_of

sql = queries.load("registry", "terminal_lists.sql")

MOST_FOUND = 10_000
LEAST_LETTERS = 2
WALKED = 10_000  # terminals of a way, before a name is looked for among all


class Filters(TypedDict, total=False):
    """What a list of terminals may be narrowed to; None asks for nothing, several all hold.

    `group_client` stands for itself and all below it, `region` for its subtree. `prefix` is of the
    code; `q` is whatever people have in hand: the beginning of a code or of a number (IMEI, ICCID,
    IMSI, MSISDN, wire name), or two letters of a name. `imei` to `wire_name` are beginnings, too.
    `member_of` is the number of a collection by hand that was found in scope; `also` holds besides.
    `order_ref` is for those who read imports.
    """

    prefix: str | None
    group_client: GroupClientId | None
    region: RegionRange | None
    state: TerminalState | None
    profile: str | None
    sector: Sector | None
    tag: str | None
    order_ref: str | None
    q: str | None
    imei: str | None
    iccid: str | None
    imsi: str | None
    msisdn: str | None
    wire_name: str | None
    member_of: int | None
    also: "Filters | None"


CARD_NUMBERS = ("iccid", "imsi", "msisdn")
_NUMBERS = ("imei", "wire_name", *CARD_NUMBERS)


class TooManyFound(Invalid):
    """More than ten thousand of what you see begin so."""

    code = "too_many_found"
    remedy = "Give more of the number."


class TooFewLetters(Invalid):
    """A search needs two characters at least."""

    code = "too_few_letters"
    remedy = "Give two characters or more."


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to walk the roll, in the order of these columns, by what it calls the last key."""

    letter: str
    name: str
    columns: Mapping[str, str]

    def start(self, cursor: str | None) -> dict[str, str | int]:
        """The key after which a page begins."""
        code = self is _BY_CODE
        if cursor is None:
            return dict.fromkeys(self.columns, "" if code else -1)
        keys = cursor[1:].split(".")
        if len(keys) != len(self.columns) or not all(keys):
            raise keyset.CursorInvalid
        return dict(zip(self.columns, keys if code else map(_number, keys), strict=True))

    def cursor(self, row: dict[str, Any]) -> str:
        """The cursor that opens the page after this row."""
        return self.letter + ".".join(str(row[column]) for column in self.columns.values())


def _number(key: str) -> int:
    number = keyset.number(key)
    if number >= 2**31:
        raise keyset.CursorInvalid
    return number


_CLIENT = {"after": "group_client_id", "after_region": "region_code", "after_id": "id"}
_BY_CODE = _Way("c", "code", {"after": "code"})
_BY_REGION = _Way("r", "region", {"after": "region_code", "after_id": "id"})
_BY_CLIENT = _Way("o", "client", _CLIENT)
_ELSEWHERE = _Way("e", "client", _CLIENT)
_NOWHERE = RegionRange(0, -1)
_NOTHING_MORE: Mapping[str, Any] = MappingProxyType({})


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    after: str | None = None,
    limit: int = 50,
    query: str = sql.list_terminals,
    more: Mapping[str, Any] = _NOTHING_MORE,
    by_region: bool = False,
    **filters: Unpack[Filters],
) -> Page[Terminal]:
    """One page of the terminals in scope, as far as the filters go.

    In the order that an index gives the narrowest of what is asked: of a client by owner and
    region, of a region by region, of everything by code. A narrower scope lists what is installed
    in its region, then what its clients, or those it supervises, have elsewhere. `after` is the
    `next_key` of the page before, with the same filters. `query` lists in place of ours and is
    asked for `more`; `by_region` if it knows no codes.
    """
    scope.require(Right.TERMINALS_READ)
    asked = {**await conditions(conn, scope, **filters), **more}
    rows: list[tuple[_Way, dict[str, Any]]] = []
    wanted_rows = keyset.rows_asked_for(limit)
    for way, walked in _from(await _ways(conn, scope, filters, by_region), after):
        wanted = asked | walked | way.start(after) | {"way": way.name, "rows": wanted_rows}
        cursor = await conn.execute(query, {"wanted": Jsonb(wanted)})
        rows += [(way, row) async for row in cursor]
        if len(rows) > limit:
            break
        after = None
    found = keyset.page(
        rows, limit, lambda pair: pair[1]["id"], lambda pair: pair[0].cursor(pair[1])
    )
    seen = {t.id: t for t in await list_these(conn, scope, found.items)}
    return Page([seen[i] for i in found.items if i in seen], found.next_key)


async def list_these(conn: Connection, scope: Scope, terminal_ids: Sequence[int]) -> list[Terminal]:
    """Those of these terminals that are in scope, by code."""
    scope.require(Right.TERMINALS_READ)
    wanted = scope.parameters() | {"ids": list(terminal_ids)}
    cursor = await conn.execute(sql.list_these_terminals, wanted)
    return [terminal_of(row) async for row in cursor]


async def conditions(conn: Connection, scope: Scope, **filters: Unpack[Filters]) -> dict[str, Any]:
    """The filters as `registry.terminal_conditions` takes them: a scope, and what is asked for."""
    scope.require(Right.TERMINALS_READ)
    asked: dict[str, Any] = dict(scope.parameters())
    given = {name: value for name, value in filters.items() if value is not None and value != ""}
    asked |= {
        n: given[n] for n in ("group_client", "state", "order_ref", "member_of") if n in given
    }
    if "tag" in given:
        asked["tag"] = particulars.normal_tag(str(given["tag"]))
    if (besides := filters.get("also")) is not None:
        asked["also"] = await conditions(conn, scope, **besides)
    if "prefix" in given:
        asked |= keyset.prefix_range(str(given["prefix"]))
    if (region := filters.get("region")) is not None:
        asked |= {"low": region.low, "high": region.high}
    if "profile" in given or "sector" in given:
        kinds = {"profile": given.get("profile"), "sector": given.get("sector")}
        row = await (await conn.execute(sql.list_profile_ids, kinds)).fetchone()
        asked["profile_ids"] = row and row["ids"]
    if any(name in given for name in CARD_NUMBERS):
        scope.require(Right.SIMS_READ)
    if "order_ref" in given:
        scope.require(Right.IMPORTS_READ)
    found = [await _found(conn, scope, str(given[n]), [n]) for n in _NUMBERS if n in given]
    if "q" in given:
        text = str(given["q"])
        if len(text) < LEAST_LETTERS:
            raise TooFewLetters(field="q")
        if is_number(text):
            cards = CARD_NUMBERS if Right.SIMS_READ in scope.rights else ()
            fields = ["code", "imei", "wire_name", *cards]
            found.append(await _found(conn, scope, text, fields))
        else:
            asked |= {"text": text, "walks": WALKED}
    if found:
        asked["ids"] = sorted(frozenset.intersection(*found))
    return asked


def is_number(text: str) -> bool:
    """Whether a text may begin one of the numbers and hardly a name."""
    return text[0] in string.digits and all(character in string.hexdigits for character in text)


async def _found(
    conn: Connection, scope: Scope, text: str, fields: Sequence[str]
) -> frozenset[int]:
    """The terminals in scope of which one of these begins so; TooManyFound when they are many."""
    asked = {"q": text, "most": MOST_FOUND + 1, "fields": [f"terminal.{f}" for f in fields]}
    cursor = await conn.execute(sql.search, {"wanted": Jsonb(scope.parameters() | asked)})
    found = frozenset([row["id"] async for row in cursor])
    if len(found) > MOST_FOUND:
        raise TooManyFound(field=fields[0] if len(fields) == 1 else "q")
    return found


async def _ways(
    conn: Connection, scope: Scope, filters: Filters, by_region: bool
) -> list[tuple[_Way, dict[str, Any]]]:
    """How to walk what is asked for: each way with where it goes."""
    client, region = filters.get("group_client"), filters.get("region")
    if client is not None:
        return [(_BY_CLIENT, {"walk_low": 0, "walk_high": -1, "walk_clients": [client]})]
    if region is not None:
        return [(_BY_REGION, {})]
    if scope.everything or await regions.covers_all(conn, scope):
        return [(_BY_REGION if by_region else _BY_CODE, {})]
    low, high = scope.region or _NOWHERE
    clients = sorted(scope.group_clients)
    beside = {"walk_low": low, "walk_high": high, "walk_clients": clients}
    beside |= {"beside_low": low, "beside_high": high}
    return [(_BY_REGION, {"low": low, "high": high}), (_ELSEWHERE, beside)]


def _from(
    ways: list[tuple[_Way, dict[str, Any]]], after: str | None
) -> list[tuple[_Way, dict[str, Any]]]:
    """The ways that are left to walk: from the one that the cursor is of."""
    if after is None:
        return ways
    letters = [way.letter for way, _ in ways]
    if after[:1] not in letters:
        raise keyset.CursorInvalid
    return ways[letters.index(after[0]) :]
