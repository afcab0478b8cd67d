-- name: read_sources
-- Who feeds, how far each has come, the mark of this feed, and what time it is.
select name, last_n, mark, (extract(epoch from now()) * 1000000)::int8 as now_us from telemetry.feed_sources();

-- name: read_heads
-- Of whom the next entries of each source are.
select source, n, kind, (extract(epoch from committed_at) * 1000000)::int8 as committed_us, terminal_ids
from telemetry.feed_heads(%(sources)s, %(after)s, %(until)s, %(most)s);

-- name: read_bodies
-- What some entries say.
select source, n, kind, times_us, received_us, columns
from telemetry.feed_bodies(%(sources)s, %(numbers)s, %(kinds)s, %(since)s);

-- name: read_changes
-- What has changed in the registry since, and where to go on from, of one snapshot.
select pg_snapshot_xmin(pg_current_snapshot())::text as position,
    coalesce((select array_agg(c.id) from registry.changes_since(%(since)s::xid8) c where c.kind = 'terminal'), '{}') as terminals,
    exists (select from registry.changes_since(%(since)s::xid8) c where c.kind = 'profile') as profiles,
    exists (select from registry.changes_since(%(since)s::xid8) c where c.kind = 'group_client') as clients;

-- name: read_position
-- Where in the registry's changes a reader stands who reads it after this.
select pg_snapshot_xmin(pg_current_snapshot())::text as position;
