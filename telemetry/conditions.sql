-- name: list_conditions
-- The metrics whose values mean something while they last.
select p.id as profile_id, p.code as profile, m.name as metric, m.type, m.conditions
from registry.profile p join registry.profile_metric m on m.profile_id = p.id
where m.conditions <> '[]'
order by p.id, m.position;

-- name: find_told
-- The events that readings of a metric have given in some stretches of terminals' time.
select e.terminal_id, e.time, e.code, e.digest
from unnest(%(ids)s::int4[], %(begins)s::timestamptz[], %(ends)s::timestamptz[]) s(terminal_id, begins, ends)
join telemetry.event e on e.terminal_id = s.terminal_id and e.time between s.begins and s.ends
where e.code = any (%(codes)s) and e.data->>'metric' = %(metric)s;

-- name: untell
-- An event that a late reading has shown not to have been so.
delete from telemetry.event
where terminal_id = %(terminal_id)s and time = %(time)s and code = %(code)s and digest = %(digest)s;

-- name: tell
-- What begins and ends in readings.
insert into telemetry.event (time, terminal_id, delay_seconds, code, severity, data, digest)
select time, terminal_id, delay_seconds, code, severity, data::jsonb, digest
from unnest(%(times)s::timestamptz[], %(terminal_ids)s::int4[], %(delays)s::int4[], %(codes)s::text[], %(severities)s::text[],
    %(data)s::text[], %(digests)s::int8[]) e(time, terminal_id, delay_seconds, code, severity, data, digest)
on conflict do nothing;
