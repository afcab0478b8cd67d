"""The parted country's rules and alarms: whose they are, and the words by which they are told."""

from collections.abc import Mapping
from typing import Any

import psycopg

from registry.scope import Right
from tests.api.dealing import Word
from tests.api.world import minutes_ago

_STORM = """with storm as (
    insert into telemetry.alarm (id, rule_version, rule_name, region_code, severity, shared,
        shared_key, raised_at, last_at)
    overriding system value
    select 4000000, 1, 'stormed 4000000', a.region_code, 'critical', 'city', 'somewhere',
        a.raised_at, a.last_at
    from telemetry.alarm a where a.id = 3000000 returning id)
    update telemetry.alarm a set parent_id = s.id, quiet = true from storm s where a.id = 3000000"""

Viewers = Mapping[str, frozenset[str]]

_PAST = 2 * 24 * 60  # minutes

_RULES = """insert into telemetry.rule
    (id, name, group_client_id, region_code, profile_id, severity, criterion)
    overriding system value
    select c.id, 'ruled ' || c.id, c.group_client_id, c.region_code, p.id, 'major',
        '{"kind": "threshold", "metric": "voltage_a", "above": 250}'
    from registry.collection c, registry.profile p where p.code = 'smart_meter'"""
_WINDOWS = """insert into telemetry.maintenance_window
    (id, why, group_client_id, region_code, begins_at, ends_at, made_by)
    overriding system value
    select c.id, 'windowed ' || c.id, c.group_client_id, c.region_code, now(), now() + '1 day',
        'user:x'
    from registry.collection c"""
_ALARM = """insert into telemetry.alarm (id, rule_version, rule_name, terminal_id, group_client_id,
    region_code, severity, raised_at, last_at)
    overriding system value
    select %(id)s, 1, %(word)s, t.id, o.group_client_id, t.region_code, 'major', %(at)s, %(at)s
    from registry.terminal t join registry.ownership o on o.terminal_id = t.id
        and o.valid_from <= %(at)s and coalesce(o.valid_to, 'infinity') > %(at)s
    where t.code = %(code)s"""


_CHANNELS = """insert into telemetry.notification_channel (id, name, kind, group_client_id,
    region_code, shown, sealed_address, severities, events, urgent, created_by)
    overriding system value
    select c.id, 'way ' || c.id, 'mail', c.group_client_id, c.region_code, 'x@example.org', '',
        '{major}', '{opened}', '{}', 'user:x' from registry.collection c"""
_OWN_CHANNEL = """insert into telemetry.notification_channel (id, name, kind, user_id, shown,
    sealed_address, severities, events, urgent, created_by)
    overriding system value
    select 5000000, 'own', 'mail', u.id, 'x@example.org', '', '{major}', '{opened}', '{}', 'user:x'
    from registry.user_account u where u.name = 'operator.jiangsu'"""
_STATES = """insert into telemetry.channel_state (channel_id)
    select id from telemetry.notification_channel"""
_DELIVERIES = """insert into telemetry.notification_delivery (id, channel_id, form, state)
    overriding system value
    select id, id, 'test', 'delivered' from telemetry.notification_channel"""


def alarms(terminals: Viewers) -> Viewers:
    """Who sees the alarm of each terminal, by its number, and that of MOVED-1 before it moved."""
    of_each = {f"300000{k}": viewers for k, viewers in enumerate(terminals.values())}
    return of_each | {"3000011": frozenset({"zhejiang", "jiangsu", "power"})}


def put(conn: psycopg.Connection[Any], terminals: Viewers, collections: Viewers) -> list[Word]:
    """Rules, windows and channels, owned as the collections of their numbers; alarms, a storm."""
    words = [
        Word(f"{what} {n}", viewers, Right.RULES_READ)
        for what in ("ruled", "windowed")
        for n, viewers in collections.items()
    ]
    words += [
        Word(f"way {n}", viewers, Right.CHANNELS_READ, viewers)
        for n, viewers in collections.items()
    ]
    told = alarms(terminals)
    of = (*((code, 10) for code in terminals), ("MOVED-1", _PAST))
    for (number, viewers), (code, minutes) in zip(told.items(), of, strict=True):
        word = f"alarmed {number}"
        given = {"id": number, "word": word, "at": minutes_ago(minutes), "code": code}
        conn.execute(_ALARM, given)
        conn.execute("insert into telemetry.alarm_note values (%s, 1, now(), 'user:x', 'commented',"
                     " %s)", (number, word))  # fmt: skip
        words.append(Word(word, viewers, Right.ALARMS_READ))
    for statement in (_RULES, _WINDOWS, _STORM, _CHANNELS, _OWN_CHANNEL, _STATES, _DELIVERIES):
        conn.execute(statement.encode())
    words.append(Word("stormed 4000000", told["3000000"], Right.ALARMS_READ))
    return words
