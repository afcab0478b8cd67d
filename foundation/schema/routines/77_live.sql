-- What live streams follow, for a process that shows each of them its own: all of the feed, or with a narrower scope nothing.
revoke all on telemetry.feed_source from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select, update on telemetry.feed_source to muster_jobs;
grant insert on telemetry.batch to muster_jobs;
grant select on telemetry.feed_source to muster_inspect;

-- Who feeds, how far each has come, and the mark of this installation.
create or replace function telemetry.feed_sources() returns table (name text, last_n int8, mark int4)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select b.name, b.last_n, null::int4 from telemetry.bridge b where registry.scope_everything()
    union all
    select s.name, s.last_n, s.mark from telemetry.feed_source s where registry.scope_everything();
end;

-- Of each source the next numbers after one and up to another, so many at most and whole numbers only: of whom each entry
-- is, or null where it tells of messages, which are nobody's to follow.
create or replace function telemetry.feed_heads(sources text[], after int8[], until int8[], most int4)
returns table (source text, n int8, kind int4, committed_at timestamptz, terminal_ids bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select t.bridge, t.n, t.profile_id, t.committed_at, case when t.profile_id <> 0 then t.terminal_ids end
    from unnest(sources, after, until) s(name, after, until)
    cross join lateral (
        select o.n from telemetry.batch o where o.bridge = s.name and o.n > s.after order by o.n limit 1) next
    join telemetry.batch t on t.bridge = s.name and t.n between next.n and least(next.n + most - 1, s.until)
    where registry.scope_everything()
    order by t.bridge, t.n, t.profile_id;
end;

-- What some entries, none of them committed before `since`, say.
create or replace function telemetry.feed_bodies(sources text[], numbers int8[], kinds int4[], since timestamptz)
returns table (source text, n int8, kind int4, times_us bytea, received_us bytea, columns bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select t.bridge, t.n, t.profile_id, t.times_us, t.received_us, t.columns
    from unnest(sources, numbers, kinds) w(source, n, kind)
    join telemetry.batch t on t.bridge = w.source and t.n = w.n and t.profile_id = w.kind and t.committed_at >= since
    where registry.scope_everything();
end;

-- What has changed in the registry in transactions that were open at `since` or came later.
create or replace function registry.changes_since(since xid8) returns table (kind text, id int4)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select distinct c.kind, c.id from registry.change c
    where c.xact >= since and c.kind in ('terminal', 'profile', 'group_client') and registry.scope_everything();
end;

revoke all on function telemetry.feed_sources(), telemetry.feed_heads(text[], int8[], int8[], int4),
    telemetry.feed_bodies(text[], int8[], int4[], timestamptz), registry.changes_since(xid8) from public;
grant execute on function telemetry.feed_sources(), telemetry.feed_heads(text[], int8[], int8[], int4),
    telemetry.feed_bodies(text[], int8[], int4[], timestamptz), registry.changes_since(xid8) to muster_api;
