-- How the platform is, by what the database knows of it: for who sees everything, and nobody else.

-- How long ago the oldest batch of each bridge was committed that a follower of the feed has not seen yet.
create or replace function telemetry.feed_lags() returns table (follower text, bridge text, seconds float8)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select f.name, f.bridge, coalesce(extract(epoch from now() - min(t.committed_at)), 0)::float8
    from telemetry.follower f left join telemetry.batch t on t.bridge = f.bridge and t.n > f.n
    group by f.name, f.bridge;
end;

-- The same for the API.
create or replace function telemetry.list_feed_lags() returns table (follower text, bridge text, seconds float8)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select l.follower, l.bridge, l.seconds from telemetry.feed_lags() l where registry.scope_everything();
end;

-- Our processes that are connected now, as each names its connections (foundation.database.application). One that waits to lead
-- the jobs has a connection for it as well as the one that leads, which alone holds a lock. Where whoever migrated could not let
-- the owner read all statistics, it is unknown (null) what others' connections do.
create or replace function telemetry.list_processes()
returns table (kind text, host text, pid int4, connections int8, busy int8, active_at timestamptz, leads boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select case c.name[1] when 'jobs leader' then 'jobs' else c.name[1] end, c.name[2], c.name[3]::int4, count(*),
        case when count(c.state) = count(*) then count(*) filter (where c.state <> 'idle' and c.pid <> pg_backend_pid()) end,
        max(c.state_change),
        bool_or(c.name[1] = 'jobs leader' and exists (
            select from pg_locks l where l.pid = c.pid and l.locktype = 'advisory' and l.granted))
    from (select a.pid, a.state, a.state_change, regexp_match(a.application_name, '^muster ([a-z ]+) ([^ ]+):([0-9]{1,9})$') as name
        from pg_stat_activity a where a.datname = current_database()) c
    where c.name is not null and registry.scope_everything()
    group by 1, 2, 3;
end;

-- Bridges, those of before too, as each noted it last.
create or replace function telemetry.list_bridges()
returns table (name text, started_at timestamptz, noted_at timestamptz, is_connected boolean, session_established_at timestamptz,
    sessions_lost int4, session_lost_at timestamptz, broker_started_at timestamptz, heard_until timestamptz, unsettled int4,
    spool_messages int8, spool_bytes int8, spool_room_bytes int8, spool_since timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select b.name, b.started_at, b.noted_at, b.is_connected, b.session_established_at, b.sessions_lost, b.session_lost_at,
        b.broker_started_at, b.heard_until, b.unsettled, b.spool_messages, b.spool_bytes, b.spool_room_bytes, b.spool_since
    from telemetry.bridge b where registry.scope_everything();
end;

-- The server that this database is on. The oldest transaction is one that keeps what is deleted from being reclaimed; what a
-- slot keeps of the write-ahead log fills the disk where nobody takes it.
create or replace function telemetry.examine_database()
returns table (version text, timescaledb text, edition text, migration text, bytes int8, connections int8, most_connections int4,
    oldest_transaction_at timestamptz, oldest_transaction_of text, deadlocks int8, is_replica boolean, replicas int8,
    replica_lag_bytes int8, slots int8, slot_bytes int8, archived_at timestamptz, archive_failures int8)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    with here as (select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end as lsn),
    oldest as (
        select a.xact_start, a.application_name from pg_stat_activity a
        where a.datname = current_database() and a.xact_start is not null and a.pid <> pg_backend_pid()
        order by a.xact_start limit 1)
    select current_setting('server_version'), (select e.extversion from pg_extension e where e.extname = 'timescaledb'),
        current_setting('timescaledb.license', true), (select max(m.name) from foundation.migration m),
        pg_database_size(current_database()), (select count(*) from pg_stat_activity a where a.datid is not null),
        current_setting('max_connections')::int4, (select xact_start from oldest), (select application_name from oldest),
        d.deadlocks, pg_is_in_recovery(), (select count(*) from pg_stat_replication),
        (select max(pg_wal_lsn_diff(here.lsn, r.replay_lsn))::int8 from pg_stat_replication r),
        (select count(*) from pg_replication_slots),
        (select max(pg_wal_lsn_diff(here.lsn, s.restart_lsn))::int8 from pg_replication_slots s),
        a.last_archived_time, a.failed_count
    from here cross join pg_stat_archiver a join pg_stat_database d on d.datname = current_database()
    where registry.scope_everything();
end;
revoke all on function telemetry.feed_lags(), telemetry.list_feed_lags(), telemetry.list_processes(), telemetry.list_bridges(),
    telemetry.examine_database() from public;
grant execute on function telemetry.feed_lags() to muster_jobs;
grant execute on function telemetry.list_feed_lags(), telemetry.list_processes(), telemetry.list_bridges(),
    telemetry.examine_database() to muster_api;
