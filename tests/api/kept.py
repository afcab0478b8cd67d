"""What is kept in the parted country: a legal hold on HOME-01, and what smart_meter takes."""

from collections.abc import Mapping
from typing import Any

import psycopg

from registry.scope import Right
from tests.api.dealing import Word

HOLDS: Mapping[str, frozenset[str]] = {"4000001": frozenset()}

_PLACED = """insert into registry.legal_hold (id, terminal_id, reason, reference, placed_by)
    overriding system value
    select 4000001, id, 'a secret dispute', 'a secret case', 'user:x'
    from registry.terminal where code = 'HOME-01'"""
_MEASURED = """insert into telemetry.profile_storage (profile_id, measured_at)
    select id, now() from registry.profile where code = 'smart_meter'"""


def put(conn: psycopg.Connection[Any]) -> list[Word]:
    """Bring both in; of holds nobody knows but who sees everything."""
    conn.execute(_PLACED)
    conn.execute(_MEASURED)
    return [
        Word(text, frozenset(), Right.LEGAL_HOLDS_READ)
        for text in ("a secret dispute", "a secret case")
    ]
