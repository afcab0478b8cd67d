"""Applying a checked file: portion by portion in transactions of their own, or all in one."""

import json

from foundation import queries
from foundation.database import Connection
from foundation.errors import MusterError, NotFound, NotPermitted, Refused
from foundation.logs import get_logger
from registry.credentials import random_secret, verifier
from registry.errors import SecretKeyMissing
from registry.imports import files, kinds
from registry.imports.checking import bounds_of, judge, judge_rest
from registry.imports.model import SECRETS_KEPT_DAYS, ImportState, Kind
from registry.imports.work import Work

log = get_logger(__name__)
sql = queries.load("registry.imports")

_MOST_RACES = 20
"""How often a portion is judged again because somebody else was faster with one of its rows."""


class _Wrong(Exception):
    """Something is wrong in a file that is to be applied as a whole."""


async def apply(work: Work) -> None:
    """Do the job: go on where it was left; at its end the import is `applied` or `refused`."""
    async with work.transaction() as conn:
        found = await files.find(conn, work.scope, work.import_id)
        kind = kinds.find(found.kind)
        last = await _one(conn, sql.last_row, work)
        if kind.makes_secrets and work.seal is None:
            wanted = await _one(conn, kind.sql.wants_secrets, work)
            if wanted["wanted"]:
                raise SecretKeyMissing
    try:
        if found.whole:
            await _apply_whole(work, kind, last["last_row"])
        else:
            await _apply_by_portion(work, kind, found.position, last["last_row"])
    except _Wrong:
        await _end(work, ImportState.REFUSED, "rows_wrong")
    except (NotPermitted, NotFound) as error:
        # What was applied before stays, is told, and can be undone.
        async with work.transaction() as conn:
            came = await _one(conn, sql.read_position, work)
        state = ImportState.APPLIED if came["created"] else ImportState.REFUSED
        await _end(work, state, error.code)
    else:
        await _end(work, ImportState.APPLIED)


async def _apply_by_portion(work: Work, kind: Kind, position: int, last: int) -> None:
    while position < last:
        low, high = bounds_of(position + 1)
        for race in range(1, _MOST_RACES + 1):
            try:
                async with work.telling("apply") as conn:
                    await _apply_portion(conn, work, kind, low, high)
                    work.done += await _rows_in(conn, work, low, min(high, last))
                break
            except Refused as error:  # a row's code, modem or card was taken since it was judged
                if race == _MOST_RACES:
                    raise
                log.info("judged again", job=work.job.id, row=low, reason=str(error))
        position = high


async def _apply_whole(work: Work, kind: Kind, last: int) -> None:
    for race in range(1, _MOST_RACES + 1):
        work.done = 0
        try:
            async with work.telling("apply") as conn:
                for low in range(1, last + 1, bounds_of(1)[1]):
                    high = bounds_of(low)[1]
                    await _apply_portion(conn, work, kind, low, high)
                    counted = await _one(conn, sql.count_wrong, work, low=low, high=high)
                    if counted["wrong"]:
                        raise _Wrong
                    work.done += await _rows_in(conn, work, low, high)
            return
        except (_Wrong, Refused) as error:
            # What was judged is undone with the rest: judge once more, so that it can be read.
            wrong = await _judge_all(work, kind, last)
            if wrong or race == _MOST_RACES:
                raise _Wrong from error


async def _judge_all(work: Work, kind: Kind, last: int) -> bool:
    wrong = False
    for low in range(1, last + 1, bounds_of(1)[1]):
        high = bounds_of(low)[1]
        async with work.transaction() as conn:
            await judge(conn, work.scope, work, kind, low, high)
            counted = await _one(conn, sql.count_wrong, work, low=low, high=high)
            wrong = wrong or counted["wrong"] > 0
    return wrong


async def _apply_portion(conn: Connection, work: Work, kind: Kind, low: int, high: int) -> None:
    where = work.scope.parameters() | {"import_id": work.import_id, "low": low, "high": high}
    for step in kind.holding:
        await conn.execute(getattr(kind.sql, step), where)
    await judge(conn, work.scope, work, kind, low, high)
    await judge_rest(conn, work.scope, kind, where)
    for step in kind.before:
        await conn.execute(getattr(kind.sql, step), where)
    made = 0
    for n, step in enumerate(kind.steps):
        done = await conn.execute(getattr(kind.sql, step), where)
        made = done.rowcount if n == 0 else made
        if not made:
            break
    if made:
        if kind.makes_secrets:
            await _make_secrets(conn, work, kind, where)
        await conn.execute(sql.link_rows, where | {"deed": "apply"})
    await conn.execute(sql.advance, where | {"position": high, "made": made})


async def _make_secrets(
    conn: Connection, work: Work, kind: Kind, where: dict[str, bool | int | list[int]]
) -> None:
    """A random password for each terminal that is to have one: 192 bits, kept sealed till fetched.

    What is random needs no stretching: one round of PBKDF2 is as good as many (`credentials`).
    """
    cursor = await conn.execute(kind.sql.list_secrets_wanted, where)
    wanted = await cursor.fetchall()
    if not wanted:
        return
    if work.seal is None:
        raise SecretKeyMissing
    secrets = [random_secret() for _ in wanted]
    await conn.execute(
        kind.sql.insert_credentials,
        {
            "ids": [row["id"] for row in wanted],
            "verifiers": [verifier(secret) for secret in secrets],
        },
    )
    n = int(str(where["low"]))
    handed = json.dumps([(r["code"], s) for r, s in zip(wanted, secrets, strict=True)])
    sealed = work.seal.seal(handed.encode(), files.secret_place(work.import_id, n))
    await conn.execute(sql.insert_secrets, {"import_id": work.import_id, "n": n, "sealed": sealed})


async def _end(work: Work, state: ImportState, problem: str | None = None) -> None:
    async with work.last_transaction(problem=problem) as conn:
        await conn.execute(
            sql.end_apply,
            {
                "import_id": work.import_id,
                "state": state,
                "problem": problem,
                "days": SECRETS_KEPT_DAYS,
            },
        )
        if state is ImportState.APPLIED:
            await conn.execute(sql.tell_import, {"import_id": work.import_id, "deed": "apply"})


async def _rows_in(conn: Connection, work: Work, low: int, high: int) -> int:
    counted = await _one(conn, sql.count_rows, work, low=low, high=high)
    return int(counted["rows"])


async def _one(conn: Connection, query: str, work: Work, **more: int) -> dict[str, int]:
    row = await (await conn.execute(query, {"import_id": work.import_id} | more)).fetchone()
    if row is None:
        raise MusterError("An import is gone while it is applied.")
    return row
