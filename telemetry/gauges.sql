-- name: count_quarantine_rows
-- Refused messages by reason.
select reason, count(*) as items from telemetry.quarantine group by reason;

-- name: measure_lag
-- How long ago the oldest batch was committed that a follower has not seen yet.
select f.name as follower, coalesce(extract(epoch from now() - min(t.committed_at)), 0)::float8 as seconds
from telemetry.follower f left join telemetry.batch t on t.bridge = f.bridge and t.n > f.n
group by f.name;
