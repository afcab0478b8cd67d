-- name: look_at_alarms
-- Whether a terminal is in a maintenance window, and the storm that its silence is a part of.
select m.number is not null as in_window, w.begins_at as window_since, s.shared, s.shared_key, s.raised_at as storm_since
from registry.terminal t cross join lateral (select telemetry.window_of(t) as number) m
left join telemetry.maintenance_window w on w.id = m.number
left join lateral (
    select p.shared, p.shared_key, p.raised_at from telemetry.alarm a join telemetry.alarm p on p.id = a.parent_id
    where a.terminal_id = t.id and a.cleared_at is null and p.cleared_at is null and p.shared is not null order by p.id limit 1) s on true
where t.id = %(id)s;
