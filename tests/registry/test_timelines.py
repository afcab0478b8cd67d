"""Whatever is replaced when, in whatever order: what is dated stays true."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.database import Connection, Pool, transaction
from foundation.errors import Refused
from registry import gateways, parts
from tests.country import everything, register
from tests.registry.test_parts import NOON, card, imei, numbers

minutes = st.integers(-2, 12)
steps = st.tuples(st.sampled_from(["hardware", "sim", "gateway"]), st.integers(0, 2),
                  st.integers(0, 3), minutes)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(timeline=st.lists(steps, max_size=12))
async def test_any_timeline_leaves_one_of_each_at_a_time_and_rewrites_nothing(
    pool: Pool, timeline: list[tuple[str, int, int, int]]
) -> None:
    """Whatever is replaced when: intervals never overlap, and what was closed stays."""
    k = next(numbers)
    codes = [f"p-{k}-{n}" for n in range(3)]
    gates = [f"g-{k}-{n}" for n in range(3)]
    await register(pool, *codes, *gates)
    modems = [imei() for _ in range(3)]
    async with transaction(pool, everything.settings()) as conn:
        cards = [await card(conn) for _ in range(3)]
    ways: dict[str, tuple[Any, list[Any]]] = {
        "hardware": (parts.replace_hardware, list(modems)),
        "sim": (parts.replace_sim, list(cards)),
        "gateway": (gateways.put_behind, list(gates)),
    }
    closed: set[tuple[Any, ...]] = set()
    for what, which, choice, minute in timeline:
        code, at = codes[which], NOON + timedelta(minutes=minute)
        verb, there = ways[what]
        number = None if choice == 3 else there[choice]
        try:
            async with transaction(pool, everything.settings()) as conn:
                await verb(conn, everything, code, number, at=at)
        except Refused:
            pass  # which refusals there are, other tests say
        async with transaction(pool, everything.settings()) as conn:
            rows = await _intervals(conn)
        now_closed = {row for row in rows if row[4] is not None}
        assert closed <= now_closed
        closed = now_closed
        for by in (2, 1):  # of one terminal, and of one number; a gateway may have many
            for kind, owner in {
                (row[0], row[by]) for row in rows if by == 2 or row[0] != "gateway"
            }:
                mine = sorted(
                    (row[3], row[4] or datetime.max.replace(tzinfo=UTC))
                    for row in rows
                    if (row[0], row[by]) == (kind, owner)
                )
                assert all(one[1] <= two[0] for one, two in itertools.pairwise(mine)), rows


async def _intervals(conn: Connection) -> set[tuple[Any, ...]]:
    """Kind, number, terminal, beginning and end of everything that is dated."""
    cursor = await conn.execute(
        "select 'hardware' as kind, imei as number, terminal_id, valid_from, valid_to"
        " from registry.hardware union all"
        " select 'sim', sim_id::text, terminal_id, valid_from, valid_to from registry.installation"
        " union all select 'gateway', gateway_id::text, terminal_id, valid_from, valid_to"
        " from registry.terminal_gateway"
    )
    return {tuple(row.values()) async for row in cursor}
