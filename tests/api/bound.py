"""The SIMs of the parted country, bound to hardware; for each another one is asked for."""

from collections.abc import Mapping
from typing import Any

import psycopg

from registry.scope import Right
from tests.api.dealing import Word

# Requests by their numbers, in the order of the terminals that the SIMs are in: who sees each.
REQUESTS: Mapping[str, frozenset[str]] = {
    "3000000": frozenset({"jiangsu", "power"}),
    "3000001": frozenset({"jiangsu", "zhejiang", "power"}),
    "3000002": frozenset({"zhejiang", "power"}),
    "3000003": frozenset({"jiangsu", "zhejiang", "transit"}),
    "3000004": frozenset({"zhejiang", "transit"}),
    "3000005": frozenset({"zhejiang", "transit"}),
}


def bind(
    conn: psycopg.Connection[Any],
    terminal_id: int,
    number: int,
    word: str,
    viewers: frozenset[str],
) -> list[Word]:
    """Let the SIM in a terminal be bound, as it was not before, and other hardware be asked for.

    The reasons of the rule that holds, of the one before and of the request are words: what held
    before is told to the operator only, as it may be of another owner's time.
    """
    reasons = {"rule": f"bound for {word}", "former": f"loose for {word}", "asked": f"new {word}"}
    given: dict[str, Any] = {"id": terminal_id, "number": [*REQUESTS][number]} | reasons
    for statement in _BOUND:
        conn.execute(statement, given)
    operators = viewers & {"jiangsu", "zhejiang"}
    seen = {"rule": viewers, "former": operators, "asked": viewers}
    return [Word(text, seen[what], Right.SIMS_READ, viewers) for what, text in reasons.items()]


# Each terminal said hello.
_BOUND = (
    """insert into registry.binding (sim_id, mode, set_by, valid_from, valid_to, reason)
    select sim_id, 'off', 'user:x', now() - interval '2 h', now() - interval '1 h', %(former)s
    from registry.installation where terminal_id = %(id)s and valid_to is null""",
    """insert into registry.binding (sim_id, mode, set_by, valid_from, version, reason)
    select sim_id, 'first_seen', 'user:x', now() - interval '1 h', 2, %(rule)s
    from registry.installation where terminal_id = %(id)s and valid_to is null""",
    """insert into registry.binding_request
    (id, sim_id, group_client_id, imei, reason, requested_by, expires_at)
    overriding system value
    select %(number)s, i.sim_id, s.group_client_id, '490154203237518', %(asked)s, 'user:x',
        now() + interval '1 d'
    from registry.installation i join registry.sim s on s.id = i.sim_id
    where i.terminal_id = %(id)s and i.valid_to is null""",
    """insert into telemetry.identity (terminal_id, heard_at, said_at)
    values (%(id)s, now() - interval '10 min', now() - interval '10 min')""",
)
