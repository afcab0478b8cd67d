-- name: count_terminals
-- Terminals by sector, province and state.
select p.sector, case r.level when 'city' then r.parent_code else r.code end as province, t.state, count(*) as terminals
from registry.terminal t join registry.profile p on p.id = t.profile_id join registry.region r on r.code = t.region_code
group by 1, 2, 3;

-- name: count_online
-- Terminals in service whose data comes as it is expected.
select p.sector, case r.level when 'city' then r.parent_code else r.code end as province, count(*) as terminals
from telemetry.presence s
join registry.terminal t on t.id = s.terminal_id and t.state = 'in_service'
join registry.profile p on p.id = t.profile_id join registry.region r on r.code = t.region_code
where s.data_at is not null and s.silent_since is null
group by 1, 2;

-- name: count_quarantine_rows
-- Refused messages by reason.
select reason, count(*) as items from telemetry.quarantine group by reason;

-- name: measure_lag
-- How long ago the oldest batch was committed that a follower has not seen yet.
select f.name as follower, coalesce(extract(epoch from now() - min(t.committed_at)), 0)::float8 as seconds
from telemetry.follower f left join telemetry.batch t on t.bridge = f.bridge and t.n > f.n
group by f.name;
