-- part: in_scope
(%(everything)s or a.region_code between %(region_low)s and %(region_high)s
    or a.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))

-- name: list_alarms
-- One page of the alarms in scope, the last raised first, or the one of a number. One of many is seen by who sees any of them,
-- with the count of those.
select a.id, a.rule_id as rule, a.rule_name, o.terminal_code as terminal, c.code as group_client, a.region_code as region, a.severity, a.metric,
    a.value, a.raised_at, a.told_at, a.last_at, case when w.is_own then a.count else w.count end as count, a.cleared_at, a.cleared_because,
    a.cleared_by, a.acknowledged_at, a.acknowledged_by, a.assignee, case when a.shelved_until > now() then a.shelved_until end as shelved_until,
    a.version, a.parent_id as parent, a.quiet, a.shared, a.shared_key, a.respond_by, a.breached_at, a.window_id as "window"
from telemetry.alarm a left join registry.ownership o on o.terminal_id = a.terminal_id
    and a.raised_at >= o.valid_from and (o.valid_to is null or a.raised_at < o.valid_to)
left join registry.group_client c on c.id = a.group_client_id
cross join lateral (select a.id as number, coalesce(
    -- with: in_scope
    , false) as is_own) n
cross join lateral (select n.is_own, case when a.shared is not null and not n.is_own then (
    select count(distinct a.terminal_id)::int4 from telemetry.alarm a where a.parent_id = n.number and
    -- with: in_scope
    ) end as count) w
where a.id < %(after)s and (%(id)s::int8 is null or a.id = %(id)s)
    -- What was is shown as far back as the asker's tier lets see; what is, is shown.
    and (a.cleared_at is null or a.raised_at >= (select registry.scope_history_from()))
    and (w.is_own or w.count > 0)
    and (o.terminal_code is not null or a.shared is not null)
    and (%(parent)s::int8 is null or a.parent_id = %(parent)s)
    and (%(quiet)s::boolean is null or a.quiet = %(quiet)s)
    and (%(open)s::boolean is null or (a.cleared_at is null) = %(open)s)
    and (%(acknowledged)s::boolean is null or (a.acknowledged_at is not null) = %(acknowledged)s)
    and (%(breached)s::boolean is null or (a.breached_at is not null) = %(breached)s)
    and (%(shelved)s::boolean is null or (coalesce(a.shelved_until, '-infinity') > now()) = %(shelved)s)
    and (%(severity)s::text is null or a.severity = %(severity)s)
    and (%(terminal)s::text is null or o.terminal_code = %(terminal)s)
    and (%(rule)s::int4 is null or a.rule_id = %(rule)s)
    and (%(group_client)s::int4 is null
        or a.group_client_id in (select registry.group_clients_of(0, -1, array[%(group_client)s]::int4[])))
    and (%(low)s::int4 is null or a.region_code between %(low)s and %(high)s)
order by a.id desc limit %(rows)s;

-- name: tend_alarm
-- Somebody looks after an alarm that was found in scope; what is null stays.
update telemetry.alarm a set version = a.version + 1,
    breached_at = case when %(acknowledge)s and a.acknowledged_at is null and a.cleared_at is null and a.respond_by < now()
        and coalesce(a.shelved_until, '-infinity') <= now() then coalesce(a.breached_at, a.respond_by) else a.breached_at end,
    acknowledged_at = case when %(acknowledge)s then coalesce(a.acknowledged_at, now()) else a.acknowledged_at end,
    acknowledged_by = case when %(acknowledge)s then coalesce(a.acknowledged_by, %(by)s) else a.acknowledged_by end,
    assignee = case when %(assign)s then %(assignee)s else a.assignee end,
    shelved_until = case when %(shelve)s then %(until)s else a.shelved_until end,
    cleared_at = case when %(clear)s then coalesce(a.cleared_at, greatest(now(), a.raised_at)) else a.cleared_at end,
    cleared_because = case when %(clear)s then coalesce(a.cleared_because, 'person') else a.cleared_because end,
    cleared_by = case when %(clear)s and a.cleared_at is null then %(by)s else a.cleared_by end
where a.id = %(id)s and
    -- with: in_scope
returning a.id;

-- name: note_alarm
-- What somebody did or said is kept with the alarm.
insert into telemetry.alarm_note (alarm_id, n, by, deed, text)
select a.id, coalesce((select max(n.n) from telemetry.alarm_note n where n.alarm_id = a.id), 0) + 1, %(by)s, %(deed)s, %(text)s
from telemetry.alarm a where a.id = %(id)s and
    -- with: in_scope
returning n;

-- name: list_notes
-- What people did and said about an alarm that was found in scope, in order.
select n.at, n.by, n.deed, n.text from telemetry.alarm_note n where n.alarm_id = %(id)s order by n.n limit 1000;

-- name: count_open
-- How many alarms of each severity are open, shelved ones and those under another aside.
select a.severity, count(*) as alarms, count(*) filter (where a.acknowledged_at is null) as unacknowledged
from telemetry.alarm a
where a.cleared_at is null and coalesce(a.shelved_until, '-infinity') <= now() and not a.quiet and
    -- with: in_scope
group by 1;
