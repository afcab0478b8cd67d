-- name: rules_as_of
-- How many rules are enabled, and when one was changed last: whether they are to be read again.
select count(*) filter (where enabled) as enabled, max(changed_at) as changed_at from telemetry.rule where by_time = %(by_time)s;

-- name: end_what_was_held_otherwise
-- Alarms of rules that are not held any more, or to something else, are over, so many at a time.
update telemetry.alarm a set cleared_at = now(), cleared_because = 'rule'
from (select o.id from telemetry.rule r join telemetry.alarm o on o.rule_id = r.id and o.cleared_at is null
    where r.by_time = %(by_time)s and (not r.enabled or r.held_since > o.told_at) limit %(rows)s) due
where a.id = due.id and a.cleared_at is null
returning a.rule_id, a.terminal_id;

-- name: read_changed
-- Which terminals changed in transactions that were open at a position or came later, and where to go on from.
select pg_snapshot_xmin(pg_current_snapshot())::text as position,
    coalesce((select array_agg(distinct c.id) from registry.change c where c.kind = 'terminal' and c.xact >= %(position)s::xid8), '{}') as ids;

-- name: list_next_open
-- The next open alarms by number.
select coalesce(array_agg(s.id order by s.id), '{}') as ids
from (select a.id from telemetry.alarm a where a.cleared_at is null and a.id > %(after)s order by a.id limit %(rows)s) s;

-- name: end_what_fits_no_more
-- Of these alarms, and those of these terminals: which are of terminals that have another owner, or are not in service, or of
-- another profile, as of now.
update telemetry.alarm a
set cleared_at = case when t.group_client_id is distinct from a.group_client_id then greatest(t.owner_since, a.raised_at) else now() end,
    cleared_because = case when t.group_client_id is distinct from a.group_client_id then 'transfer' else 'state' end
from registry.terminal t join telemetry.rule r on true
where a.cleared_at is null and (a.id = any (%(ids)s::int8[]) or a.terminal_id = any (%(terminal_ids)s::int4[]))
    and t.id = a.terminal_id and r.id = a.rule_id and r.by_time = %(by_time)s
    and (t.group_client_id is distinct from a.group_client_id or not telemetry.rule_is_of(r, t))
returning a.rule_id, a.terminal_id, a.cleared_because = 'transfer' as has_moved;

-- name: open_anew
-- What was wrong when a terminal changed hands is its new owner's from then, where the rule is of it: without the old one's values.
insert into telemetry.alarm (rule_id, rule_version, rule_name, terminal_id, group_client_id, region_code, severity, metric, raised_at, last_at)
select r.id, r.version, r.name, t.id, t.group_client_id, t.region_code, r.severity, r.criterion ->> 'metric', t.owner_since, t.owner_since
from unnest(%(rules)s::int4[], %(terminals)s::int4[]) n(rule_id, terminal_id)
join telemetry.rule r on r.id = n.rule_id join registry.terminal t on t.id = n.terminal_id
where telemetry.rule_is_of(r, t) and telemetry.acts_at(r.schedule, now())
on conflict (terminal_id, rule_id) where cleared_at is null do nothing
returning rule_id, terminal_id;

-- name: mark_breaches
-- Alarms of which nobody has taken note in time. What is out of sight, or is being changed at this moment, comes later.
update telemetry.alarm a set breached_at = a.respond_by
from (select b.id from telemetry.alarm b
    where b.breached_at is null and b.acknowledged_at is null and b.cleared_at is null and b.respond_by < now()
        and coalesce(b.shelved_until, '-infinity') <= now()
    order by b.respond_by limit %(rows)s for update skip locked) late
where a.id = late.id;

-- name: end_windows
-- What is still wrong when a maintenance window is over is told, unless it is in a storm.
update telemetry.alarm a set quiet = false
from (select b.id from telemetry.alarm b join telemetry.maintenance_window w on w.id = b.window_id
    where b.window_id is not null and b.quiet and b.cleared_at is null and w.ends_at <= now()
        and not exists (select from telemetry.alarm p where p.id = b.parent_id and p.cleared_at is null)
    order by b.id limit %(rows)s for update of b skip locked) due
where a.id = due.id;
