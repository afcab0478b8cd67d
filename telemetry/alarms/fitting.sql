-- name: rules_as_of
-- How many rules are enabled, and when one was changed last: whether they are to be read again.
select count(*) filter (where enabled) as enabled, max(changed_at) as changed_at from telemetry.rule where by_time = %(by_time)s;

-- name: end_what_was_held_otherwise
-- Alarms of rules that are not held any more, or to something else, are over.
update telemetry.alarm a set cleared_at = now(), cleared_because = 'rule'
from telemetry.rule r
where r.id = a.rule_id and r.by_time = %(by_time)s and a.cleared_at is null and (not r.enabled or r.held_since > a.told_at);

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
returning a.rule_id, a.terminal_id;
