"""Tiers: the service levels, with what each lets its clients have; changed by the headquarters."""

from typing import Any, TypedDict, Unpack

from foundation import queries
from foundation.database import Connection
from registry.errors import TierNotFound
from registry.file_errors import TrialInvalid
from registry.file_model import FilePolicy, TierTerms
from registry.scope import Right, Scope

sql = queries.load("registry", "tiers.sql")


class Change(TypedDict, total=False):
    """What can be changed of a tier; what is not named stays, None of a limit is no limit."""

    title_zh: str
    title_en: str
    offline_factor: float
    history_days: int
    terminal_quota: int | None
    messages_per_second: int | None
    bytes_per_second: int | None
    file_policy: FilePolicy
    verification_days: int
    alarm_response_minutes: int | None
    series_cap: int | None
    exports_per_day: int | None
    export_bytes_per_day: int | None
    trial_days: int | None
    after_trial: str | None


async def list_all(conn: Connection, scope: Scope) -> tuple[TierTerms, ...]:
    """Every tier, by code: there are few."""
    scope.require(Right.TIERS_READ)
    cursor = await conn.execute(sql.list_tiers, {"code": None})
    return tuple([_tier(row) async for row in cursor])


async def find(conn: Connection, scope: Scope, code: str) -> TierTerms:
    """The tier of that code; TierNotFound when there is none."""
    scope.require(Right.TIERS_READ)
    row = await (await conn.execute(sql.list_tiers, {"code": code})).fetchone()
    if row is None:
        raise TierNotFound(f"There is no tier {code}.")
    return _tier(row)


async def change(conn: Connection, scope: Scope, code: str, **changed: Unpack[Change]) -> TierTerms:
    """Let a tier be otherwise from now on, also where the reference data said something else.

    Who has more terminals than a smaller quota allows keeps them, and gets no more; who tries the
    tier has its time as it was given. A trial ends in a tier that is for good.
    """
    scope.require(Right.TIERS_CHANGE)
    await conn.execute(sql.hold_tiers)
    tier = await find(conn, scope, code)
    wanted: dict[str, Any] = {
        name: changed.get(name, getattr(tier, name)) for name in Change.__annotations__
    }
    await _check_trial(conn, scope, code, wanted["trial_days"], wanted["after_trial"])
    await conn.execute(sql.change_tier, wanted | {"code": code})
    return await find(conn, scope, code)


async def _check_trial(
    conn: Connection, scope: Scope, code: str, days: int | None, after: str | None
) -> None:
    if (days is None) != (after is None):
        raise TrialInvalid(field="after_trial" if after is None else "trial_days")
    if after is None:
        return
    if after == code or (await find(conn, scope, after)).trial_days is not None:
        raise TrialInvalid(field="after_trial")
    into = await (await conn.execute(sql.find_trial_into, {"code": code})).fetchone()
    if into is not None:
        why = f"The trial of {into['code']} ends in this tier, which therefore is for good."
        raise TrialInvalid(why, field="trial_days")


def _tier(row: dict[str, Any]) -> TierTerms:
    return TierTerms(**row | {"file_policy": FilePolicy(row["file_policy"])})
