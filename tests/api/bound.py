"""The SIMs of the parted country, bound to hardware."""

from collections.abc import Mapping
from typing import Any

import psycopg


def bind(conn: psycopg.Connection[Any], given: Mapping[str, Any]) -> None:
    """Let the SIM in the terminal `id` be bound, and the terminal have said hello."""
    for statement in _BOUND:
        conn.execute(statement, given)


# Each SIM is bound as it was not before, and other hardware is asked for; each terminal said hello.
_BOUND = (
    """insert into registry.binding (sim_id, mode, set_by, valid_from, valid_to)
    select sim_id, 'off', 'user:x', now() - interval '2 h', now() - interval '1 h'
    from registry.installation where terminal_id = %(id)s and valid_to is null""",
    """insert into registry.binding (sim_id, mode, set_by, valid_from, version)
    select sim_id, 'first_seen', 'user:x', now() - interval '1 h', 2
    from registry.installation where terminal_id = %(id)s and valid_to is null""",
    """insert into registry.binding_request
    (sim_id, group_client_id, imei, reason, requested_by, expires_at)
    select i.sim_id, s.group_client_id, '490154203237518', 'new', 'user:x', now() + interval '1 d'
    from registry.installation i join registry.sim s on s.id = i.sim_id
    where i.terminal_id = %(id)s and i.valid_to is null""",
    """insert into telemetry.identity (terminal_id, heard_at, said_at)
    values (%(id)s, now() - interval '10 min', now() - interval '10 min')""",
)
