"""What people note of a terminal beside its life: its name, region, place and tags."""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from foundation import queries
from foundation.database import Connection
from registry import terminals
from registry.errors import TerminalNotFound
from registry.life_errors import TagInvalid
from registry.model import RegionCode, Terminal
from registry.scope import Right, Scope

sql = queries.load("registry", "lives.sql")

MOST_TAGS = 16
_TAG = re.compile(r"[\w.:-]{1,32}")


class Location(NamedTuple):
    """Degrees of WGS-84; both None is nowhere in particular."""

    latitude: float | None
    longitude: float | None


def normal_tag(text: str) -> str:
    """The one form in which a tag is kept and looked for: NFKC, without case and outer blanks."""
    tag = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()
    if not _TAG.fullmatch(tag):
        raise TagInvalid(field="tags")
    return tag


async def change(
    conn: Connection,
    scope: Scope,
    code: str,
    *,
    name: str | None = None,
    nameless: bool = False,
    region: RegionCode | None = None,
    location: Location | None = None,
    tags: Sequence[str] | None = None,
) -> Terminal:
    """Note what is given and leave the rest; `nameless` takes its name away, () its tags."""
    scope.require(Right.TERMINALS_CHANGE)
    normal = None if tags is None else sorted({normal_tag(tag) for tag in tags})
    if normal and len(normal) > MOST_TAGS:
        raise TagInvalid(field="tags")
    latitude, longitude = location or (None, None)
    given = ["name"] * (nameless or name is not None) + ["location"] * (location is not None)
    noted = await conn.execute(
        sql.describe_terminal,
        scope.parameters()
        | {"code": code, "given": given, "name": name, "region": region, "tags": normal}
        | {"latitude": latitude, "longitude": longitude},
    )
    if not noted.rowcount:
        raise TerminalNotFound(f"There is no terminal {code}.")
    return await terminals.find(conn, scope, code)
