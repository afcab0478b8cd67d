"""What is on the roll, in the same format in which it is imported."""

from foundation.database import Connection
from registry.imports.model import Kind
from registry.scope import Scope


async def read_batch(
    conn: Connection, scope: Scope, kind: Kind, *, after: int, rows: int
) -> tuple[list[list[str]], int | None]:
    """The next rows in scope in the order of their numbers, and the number after which to go on.

    A cell for each of the kind's columns; None where this was the last batch.
    """
    for right in kind.rights_to_read:
        scope.require(right)
    asked = scope.parameters() | {"after": after, "rows": rows}
    hidden = [
        place
        for name, rights in kind.rights_to_read_columns.items()
        for place in [kind.place(name) - 1]
        if not scope.rights.issuperset(rights)
    ]
    cursor = await conn.execute(kind.sql.export, asked)
    found = await cursor.fetchall()
    lines = [["" if cell is None else cell for cell in row["cells"]] for row in found]
    for line in lines:
        for place in hidden:
            line[place] = ""
    return lines, found[-1]["id"] if len(found) == rows else None
