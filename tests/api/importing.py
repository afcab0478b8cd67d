"""Files that were imported into the parted country or exported, and the jobs that did it."""

from collections.abc import Mapping
from typing import Any

import psycopg

from registry.imports.terminals import TERMINALS

# Imports that were asked for by users of a region who are none of the callers, and their jobs.
IMPORTS: Mapping[str, frozenset[str]] = {
    "3000001": frozenset({"jiangsu"}),
    "3000002": frozenset({"zhejiang"}),
}
APPLIED: Mapping[str, frozenset[str]] = {"3000003": frozenset({"jiangsu"})}
JOBS: Mapping[str, frozenset[str]] = {
    number.replace("3", "4", 1): viewers for number, viewers in {**IMPORTS, **APPLIED}.items()
}
# An export that was asked for by a user who is none of the callers.
EXPORTS: Mapping[str, frozenset[str]] = {"5000001": frozenset()}

_OTHER_CELLS = len(TERMINALS.columns) - 1
_PARTS = {
    "import_part": "0, ''",
    "import_row": f"2, array['FILE-01'] || array_fill(null::text, array[{_OTHER_CELLS}])",
    "import_finding": "2, 'name', 'too_long', 'error', null",
    "import_made": "2, 1, 0, null, false",
    "import_secret": "1, ''",
    "import_link": "'apply', 0, 1, ''",
    "import_tally": "'apply', 'terminal.insert', 1",
}


def settle(conn: psycopg.Connection[Any], regions: Mapping[str, int]) -> None:
    """Put them there, asked for by the operator of the province that sees each."""
    for number, viewers in {**IMPORTS, **APPLIED}.items():
        conn.execute(
            "with asked as (insert into registry.import (id, kind, name, size_bytes, sha256,"
            " asked_by, region_low, region_high, state) overriding system value select %s,"
            " 'terminals', 'file.csv', 1, '', %s, code, last_code, %s"
            " from registry.region where code = %s returning *)"
            " insert into registry.job (id, kind, subject, asked_by, region_low, region_high,"
            " state) overriding system value select %s, 'import.check', id, asked_by,"
            " region_low, region_high, 'done' from asked",
            (
                number,
                f"user:operator.{min(viewers)}",
                "applied" if number in APPLIED else "checked",
                regions[min(viewers)],
                number.replace("3", "4", 1),
            ),
        )
        for relation, values in _PARTS.items():
            conn.execute(
                f"insert into registry.{relation} values (%s, {values})".encode(), (number,)
            )
    for number in EXPORTS:
        conn.execute(
            "with made as (insert into registry.export (id, asked_by, wanted, format, state,"
            " size_bytes, sha256, expires_at) overriding system value values (%s, 'user:x',"
            ' \'{"content": "readings", "from": "2026-01-01T00:00:00+00:00",'
            ' "to": "2026-01-02T00:00:00+00:00", "region": 0}\', \'csv\', \'done\', 1,'
            " sha256('x'), now() + interval '1 day') returning id), stretch as (insert into"
            " registry.export_stretch select id, 1, '-infinity', now() from made)"
            " insert into registry.export_part select id, 0, 'x' from made",
            (number,),
        )
