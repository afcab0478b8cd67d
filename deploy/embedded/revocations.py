"""Whose certificates count no more, as the registry has it, for the list that a broker reads."""

from dataclasses import dataclass
from typing import Any

import psycopg

from registry.authority import Revocation

_REVOKED = "select serial, revoked_at, reason, code from registry.broker_revocation order by serial"
_ALL = """
select c.serial, c.issued_at, 'certificate_hold', t.code
from registry.certificate c join registry.terminal t on t.id = c.terminal_id
where c.not_after > now() order by c.serial
"""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate of a terminal that does not let it in."""

    line: Revocation
    code: str


def read(connection: psycopg.Connection[Any], *, admitting: bool) -> list[Revoked]:
    """Those that are revoked or on hold; all of them while no terminal is to be admitted."""
    rows = connection.execute(_REVOKED if admitting else _ALL).fetchall()
    return [Revoked(Revocation(serial, at, reason), code) for serial, at, reason, code in rows]
