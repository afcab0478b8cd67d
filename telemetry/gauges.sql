-- name: count_terminals
-- Terminals by sector, province and state.
select p.sector, case r.level when 'city' then r.parent_code else r.code end as province, t.state, count(*) as terminals
from registry.terminal t join registry.profile p on p.id = t.profile_id join registry.region r on r.code = t.region_code
group by 1, 2, 3;

-- name: count_online
-- Terminals in service whose newest value is no older than the expected interval times the tier's factor.
select p.sector, case r.level when 'city' then r.parent_code else r.code end as province, count(*) as terminals
from (select terminal_id, max(time) as time from telemetry.latest group by terminal_id) l
join registry.terminal t on t.id = l.terminal_id and t.state = 'in_service'
join registry.profile p on p.id = t.profile_id join registry.region r on r.code = t.region_code
left join registry.group_client c on c.id = t.group_client_id left join registry.tier on tier.code = c.tier_code
where l.time >= now() - make_interval(secs => p.expected_interval_seconds * coalesce(tier.offline_factor, %(factor)s))
group by 1, 2;

-- name: count_quarantine_rows
-- Refused messages by reason.
select reason, count(*) as items from telemetry.quarantine group by reason;

-- name: measure_lag
-- How long ago the oldest batch was committed that a follower has not seen yet.
select f.name as follower, coalesce(extract(epoch from now() - min(t.committed_at)), 0)::float8 as seconds
from telemetry.follower f left join telemetry.batch t on t.bridge = f.bridge and t.n > f.n
group by f.name;
