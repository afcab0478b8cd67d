-- name: list_processes
-- Our processes that are connected to the database, by kind and host.
select kind, host, pid, connections, busy, active_at, leads from telemetry.list_processes() order by kind, host, pid;

-- name: list_bridges
-- Bridges by name, and how far behind each the slowest follower of the feed is.
select b.*, coalesce((select max(l.seconds) from telemetry.list_feed_lags() l where l.bridge = b.name), 0)::float8 as lag_seconds
from telemetry.list_bridges() b order by b.name;

-- name: list_followers
-- Who follows the feed, and how far behind, of the bridge that it is furthest behind of.
select l.follower as name, max(l.seconds)::float8 as lag_seconds from telemetry.list_feed_lags() l group by 1 order by 1;

-- name: list_work
-- What people asked for by area: what waits and runs, and what failed within a day.
select split_part(j.kind, '.', 1) as area, count(*) filter (where j.state = 'queued') as queued,
    count(*) filter (where j.state = 'running') as running, count(*) filter (where j.state = 'failed') as failed,
    min(j.asked_at) filter (where j.state = 'queued') as waiting_since
from registry.job j where j.state in ('queued', 'running') or (j.state = 'failed' and j.finished_at > now() - interval '1 day')
group by 1 order by 1;

-- name: examine_database
-- The database and the server that it is on.
select version, timescaledb, edition, migration, bytes, connections, most_connections, oldest_transaction_at, oldest_transaction_of,
    deadlocks, is_replica, replicas, replica_lag_bytes, slots, slot_bytes, archived_at, archive_failures
from telemetry.examine_database();
