"""What the planner makes of queries: which tables it reads from end to end."""

from typing import Any

from foundation.database import Connection


class Explaining:
    """A connection that keeps the plan of every query it is given."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.plans: list[dict[str, Any]] = []

    async def execute(self, query: str, params: dict[str, Any]) -> Any:
        cursor = await self._conn.execute(f"explain (format json) {query}".encode(), params)
        row = await cursor.fetchone()
        assert row is not None
        self.plans.append(row["QUERY PLAN"][0]["Plan"])
        return await self._conn.execute(query.encode(), params)


def scans(plan: dict[str, Any]) -> list[str]:
    """The tables of the registry that a plan reads from end to end."""
    own = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return own + [name for part in plan.get("Plans", ()) for name in scans(part)]
