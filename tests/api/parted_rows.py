"""Rows that the parted country is given by hand: what a terminal's accounts say, and the sets."""

from typing import Any

import psycopg

from tests.api.world import JIANGSU, POWER, TRANSIT, ZHEJIANG

ACCOUNTS = (
    """insert into registry.terminal_move (terminal_id, at, from_state, to_state, reason, actor)
    values (%(id)s, %(at)s, 'testing', 'in_service', %(reason)s, 'user:x')""",
    """insert into telemetry.gap
    (kind, bridge, terminal_id, begins_at, ends_at, boot, first_seq, last_seq)
    values ('given_up', 'bridge-1', %(id)s, %(at)s, %(at)s, %(given_up)s, 1, 1)""",
    "insert into telemetry.receipt values (%(id)s, %(missing)s, '{[2,2]}', %(at)s)",
    """insert into telemetry.completeness
    select %(at)s::date, %(id)s, o.valid_from, 1, 1, 0, 0, 0, 1
    from registry.ownership o where o.terminal_id = %(id)s
    and o.valid_from <= %(at)s and coalesce(o.valid_to, 'infinity') > %(at)s""",
    """insert into telemetry.completeness_daily
    select %(at)s::date, coalesce(o.group_client_id, 0), t.region_code, 1, 1, 0, 0, 0, 1
    from registry.terminal t join registry.ownership o on o.terminal_id = t.id
    where t.id = %(id)s and o.valid_from <= %(at)s and coalesce(o.valid_to, 'infinity') > %(at)s
    on conflict do nothing""",
)

# By its number, whose a collection is and what is in it: of what others own, too.
_SETS: dict[str, tuple[str | None, int | None, list[str]]] = {
    "1000001": (POWER, None, ["HOME-01", "AWAY-01"]),
    "1000002": (TRANSIT, None, ["TRAM-01", "GUEST-1"]),
    "1000003": (None, JIANGSU, ["HOME-01", "AWAY-01", "GUEST-1"]),
    "1000004": (None, ZHEJIANG, ["AWAY-01", "TRAM-01", "GUEST-1"]),
}


def set_name(number: str) -> str:
    """What the collection of that number is called."""
    return f"set {number}"


def put_sets(conn: psycopg.Connection[Any]) -> None:
    """Bring in the collections with what is in them, a sign-in that is not done, refused logins."""
    conn.execute("select registry.begin_sign_on(sha256('of one browser'), '/', 600)")
    conn.execute(
        "insert into registry.refused_login"
        " select id, 'no_password', 1, now(), now() from registry.terminal"
    )
    for number, (client, region, members) in _SETS.items():
        conn.execute(
            "insert into registry.collection (id, name, group_client_id, region_code)"
            " overriding system value values (%s, %s,"
            " (select id from registry.group_client where code = %s), %s)",
            (number, set_name(number), client, region),
        )
        conn.execute(
            "insert into registry.collection_member (collection_id, terminal_id)"
            " select %s, id from registry.terminal where code = any (%s)",
            (number, members),
        )


# What is known of a client, in words of its own (`parted.KNOWN`).
_FILED = (
    """insert into registry.client_file (group_client_id, rivals, contacts, answered_by)
    values (%(id)s, %(word)s, '[{"name": "x"}]', 'user:x')""",
    """insert into registry.client_evidence (group_client_id, name, sha256, actor)
    values (%(id)s, %(word)s, repeat('ab', 32), 'user:x')""",
    """insert into registry.client_file_move (group_client_id, at, to_state, reason, actor)
    values (%(id)s, now(), 'surveyed', %(word)s, 'user:x')""",
    """insert into registry.client_standing (group_client_id, since, to_standing, reason, actor)
    values (%(id)s, now(), 'customer', %(word)s, 'user:x')""",
)


def put_file(conn: psycopg.Connection[Any], code: str, word: str) -> None:
    """Bring in the file of a client."""
    [(number,)] = conn.execute(
        "select id from registry.group_client where code = %s", (code,)
    ).fetchall()
    for statement in _FILED:
        conn.execute(statement, {"id": number, "word": word})


_BEHIND = (
    """insert into registry.wire_name (terminal_id, gateway_id, kind, value)
    values (%(id)s, %(gateway)s, 'code', %(name)s)""",
    "update registry.terminal set gateway_id = %(gateway)s where id = %(id)s",
    "insert into registry.terminal_gateway values (%(id)s, %(gateway)s, now(), null)",
)


def put_behind(conn: psycopg.Connection[Any], given: dict[str, Any]) -> None:
    """Let a terminal be behind a gateway, and be known there by its code."""
    for statement in _BEHIND:
        conn.execute(statement, given)
