"""Rules in scope: made, changed, held against readings or not. `judge` does the holding."""

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from psycopg.types.json import Jsonb

from foundation import queries
from foundation.database import Connection
from registry import keyset, profiles
from registry.conditions import SEVERITIES
from registry.model import Page, RegionCode
from registry.scope import Right, Scope
from telemetry.alarms import rule_model, schedules, targets
from telemetry.alarms.rule_model import Rule, RuleInvalid, RuleNotFound
from telemetry.alarms.schedules import ScheduleInvalid

sql = queries.load("telemetry", "alarms/rules.sql")

MOST_SECONDS = 604_800


class Change(TypedDict, total=False):
    """What can be changed of a rule; what is not named stays."""

    name: str
    severity: str
    criterion: Mapping[str, Any]
    for_seconds: int
    schedule: Mapping[str, Any] | None
    enabled: bool


async def define(
    conn: Connection,
    scope: Scope,
    *,
    name: str,
    profile: str | None = None,
    criterion: Mapping[str, Any],
    severity: str = "major",
    for_seconds: int = 0,
    group_client: str | None = None,
    region: RegionCode | None = None,
    collection: int | None = None,
    terminal: str | None = None,
    schedule: Mapping[str, Any] | None = None,
) -> Rule:
    """A new rule, not yet enabled, of a client's terminals or of those installed in a region.

    Without either, of the one client or the region of whoever makes it. Only of silence it may be
    of every profile.
    """
    scope.require(Right.RULES_CHANGE)
    of = None if profile is None else await profiles.find(conn, scope, profile)
    watched = rule_model.read(criterion)
    rule_model.check(watched, of)
    _check(severity, for_seconds)
    given = {
        "name": name,
        "profile": None if of is None else of.id,
        "severity": severity,
        "criterion": Jsonb(rule_model.written(watched)),
        "for_seconds": for_seconds,
        "schedule": await _schedule(conn, schedule),
        **await targets.find(
            conn,
            scope,
            group_client=group_client,
            region=region,
            collection=collection,
            terminal=terminal,
        ),
    }
    row = await (await conn.execute(sql.insert_rule, given)).fetchone()
    assert row is not None
    return await find(conn, scope, row["id"])


async def _schedule(conn: Connection, said: Mapping[str, Any] | None) -> Jsonb | None:
    """A schedule as it is kept; its zone is one that the database knows."""
    if said is None:
        return None
    schedule = schedules.read(said)
    row = await (await conn.execute(sql.find_zone, {"zone": schedule.zone})).fetchone()
    if row is None:
        why = f"There is no time zone {schedule.zone[:64]}."
        raise ScheduleInvalid(why, field="schedule.zone")
    return Jsonb(schedules.written(schedule))


def _check(severity: str, for_seconds: int) -> None:
    if severity not in SEVERITIES:
        raise RuleInvalid(f"A severity is one of {', '.join(SEVERITIES)}.", field="severity")
    if not 0 <= for_seconds <= MOST_SECONDS:
        raise RuleInvalid(f"A rule waits 0 to {MOST_SECONDS} seconds.", field="for_seconds")


async def find(conn: Connection, scope: Scope, number: int) -> Rule:
    """The rule of that number; RuleNotFound when there is none in scope."""
    scope.require(Right.RULES_READ)
    page = await _read(conn, scope, id=number)
    if not page.items:
        raise RuleNotFound(f"There is no rule {number}.")
    return page.items[0]


async def list_page(
    conn: Connection,
    scope: Scope,
    *,
    profile: str | None = None,
    kind: str | None = None,
    enabled: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Rule]:
    """One page of the rules in scope, by number; `kind` is that of their criterion."""
    scope.require(Right.RULES_READ)
    number = 0 if after is None else keyset.number(after)
    return await _read(
        conn, scope, profile=profile, kind=kind, enabled=enabled, after=number, limit=limit
    )


async def change(conn: Connection, scope: Scope, number: int, **changed: Unpack[Change]) -> Rule:
    """Let a rule be otherwise.

    What it raised is over when it watches for something else, or is not enabled any more.
    """
    scope.require(Right.RULES_CHANGE)
    await conn.execute(sql.hold_rule, {"id": number})
    found = await find(conn, scope, number)
    watched = rule_model.read(changed["criterion"]) if "criterion" in changed else found.watched
    of = None if found.profile is None else await profiles.find(conn, scope, found.profile)
    rule_model.check(watched, of)
    given: dict[str, Any] = {
        "id": number,
        "name": changed.get("name", found.name),
        "severity": changed.get("severity", found.severity),
        "criterion": Jsonb(rule_model.written(watched)),
        "for_seconds": changed.get("for_seconds", found.for_seconds),
        "schedule": await _schedule(conn, changed["schedule"])
        if "schedule" in changed
        else found.schedule and Jsonb(schedules.written(found.schedule)),
        "enabled": changed.get("enabled", found.enabled),
    }
    _check(given["severity"], given["for_seconds"])
    await conn.execute(sql.change_rule, scope.parameters() | given)
    return await find(conn, scope, number)


async def _read(conn: Connection, scope: Scope, limit: int = 1, **wanted: Any) -> Page[Rule]:
    asked: dict[str, Any] = dict.fromkeys(("id", "profile", "kind", "enabled"))
    asked |= {"after": 0, **wanted}
    asked["rows"] = keyset.rows_asked_for(limit)
    rows = await (await conn.execute(sql.list_rules, scope.parameters() | asked)).fetchall()
    return keyset.page(rows, limit, _rule, lambda row: str(row["id"]))


def _rule(row: Mapping[str, Any]) -> Rule:
    told = dict(row)
    watched = rule_model.read(told.pop("criterion"))
    said = told.pop("schedule")
    schedule = None if said is None else schedules.read(said)
    return Rule(watched=watched, schedule=schedule, **told)
