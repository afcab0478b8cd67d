"""Which hardware, by IMEI, a terminal is."""

from foundation import queries
from foundation.database import Connection
from registry import terminals
from registry.identifiers import Imei
from registry.model import Hardware
from registry.scope import Right, Scope

sql = queries.load("registry")


async def find_in(conn: Connection, scope: Scope, terminal: str) -> Hardware | None:
    """The hardware that a terminal is now, or None where its IMEI is not known."""
    scope.require(Right.TERMINALS_READ)
    terminal_id = (await terminals.find(conn, scope, terminal)).id
    cursor = await conn.execute(sql.find_hardware, {"terminal_id": terminal_id})
    row = await cursor.fetchone()
    return Hardware(**row | {"imei": Imei(row["imei"])}) if row else None
