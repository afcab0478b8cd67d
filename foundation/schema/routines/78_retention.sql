-- Legal holds are the headquarters' affair, and no client's to know of; what readings take is theirs, too.
do $policies$
begin
    alter table registry.legal_hold enable row level security, force row level security;
    drop policy if exists headquarters on registry.legal_hold;
    create policy headquarters on registry.legal_hold to muster_api
        using ((select registry.scope_everything())) with check ((select registry.scope_everything()));
    drop policy if exists everybody on registry.legal_hold;
    create policy everybody on registry.legal_hold to muster_owner, muster_inspect using (true);
    alter table telemetry.profile_storage enable row level security, force row level security;
    drop policy if exists headquarters on telemetry.profile_storage;
    create policy headquarters on telemetry.profile_storage to muster_api using ((select registry.scope_everything()));
    drop policy if exists everybody on telemetry.profile_storage;
    create policy everybody on telemetry.profile_storage to muster_owner, muster_jobs, muster_inspect using (true);
    perform registry.audit_changes('registry.legal_hold', 'r.reference', part => 'coalesce(c.code, t.code, p.code)',
        joined => 'left join registry.group_client c on c.id = r.group_client_id left join registry.terminal t on t.id = r.terminal_id
            left join registry.profile p on p.id = r.profile_id');
end
$policies$;
grant select, insert on registry.legal_hold to muster_api;
grant update (version, lifted_at, lifted_by, lift_reason) on registry.legal_hold to muster_api;
grant select on registry.legal_hold to muster_inspect;
grant select on telemetry.profile_storage to muster_api, muster_jobs, muster_inspect;

-- Whether something that a profile measured between two instants is under a legal hold.
create or replace function registry.is_held(wanted_profile_id int4, since timestamptz, until timestamptz) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from registry.legal_hold h
        where h.lifted_at is null and h.since < is_held.until and h.until > is_held.since
            and (h.profile_id = wanted_profile_id
                or exists (
                    select from registry.terminal_profile p
                    where p.terminal_id = h.terminal_id and p.profile_id = wanted_profile_id
                        and greatest(p.valid_from, h.since, is_held.since) < least(coalesce(p.valid_to, 'infinity'), h.until, is_held.until))
                or exists (
                    select from registry.group_client_lineage l
                    join registry.ownership o on o.group_client_id = l.group_client_id
                    join registry.terminal_profile p on p.terminal_id = o.terminal_id and p.profile_id = wanted_profile_id
                    where l.ancestor_id = h.group_client_id
                        and greatest(o.valid_from, p.valid_from, h.since, is_held.since)
                            < least(coalesce(o.valid_to, 'infinity'), coalesce(p.valid_to, 'infinity'), h.until, is_held.until))));
end;

-- Whether what came from a terminal at an instant is under a legal hold.
create or replace function registry.terminal_is_held(wanted_terminal_id int4, at timestamptz) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from registry.legal_hold h
        where h.lifted_at is null and h.since <= terminal_is_held.at and h.until > terminal_is_held.at
            and (h.terminal_id = wanted_terminal_id
                or exists (
                    select from registry.terminal_profile p
                    where p.terminal_id = wanted_terminal_id and p.profile_id = h.profile_id
                        and p.valid_from <= terminal_is_held.at and coalesce(p.valid_to, 'infinity') > terminal_is_held.at)
                or exists (
                    select from registry.ownership o join registry.group_client_lineage l on l.group_client_id = o.group_client_id
                    where o.terminal_id = wanted_terminal_id and l.ancestor_id = h.group_client_id
                        and o.valid_from <= terminal_is_held.at and coalesce(o.valid_to, 'infinity') > terminal_is_held.at)));
end;
grant execute on function registry.terminal_is_held(int4, timestamptz) to muster_jobs;

-- Whether a client or a terminal is, or was, under a legal hold of its own: it stays on the roll then.
create or replace function registry.has_legal_hold(wanted_client_id int4, wanted_terminal_id int4) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (select from registry.legal_hold h where h.group_client_id = wanted_client_id or h.terminal_id = wanted_terminal_id);
end;
grant execute on function registry.has_legal_hold(int4, int4) to muster_jobs;

-- For how many days what a profile measures is kept: its own, or as far as the tier of anybody reaches who owns, or owned, such
-- a terminal, or is above who does. Null is for ever.
create or replace function registry.kept_days(wanted_profile_id int4, own_days int4) returns int4
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select greatest(own_days, (
        select max(t.history_days) from registry.tier t
        where t.history_days > own_days and exists (
            select from registry.group_client c
            join registry.group_client_lineage l on l.ancestor_id = c.id
            join registry.ownership o on o.group_client_id = l.group_client_id
            join registry.terminal_profile p on p.terminal_id = o.terminal_id and p.profile_id = wanted_profile_id
                and p.valid_from < coalesce(o.valid_to, 'infinity') and coalesce(p.valid_to, 'infinity') > o.valid_from
            where c.tier_code = t.code)));
end;

-- Until when a chunk of raw readings may still take what the profile's clock accepts.
create or replace function telemetry.settled_before(profile registry.profile) returns timestamptz
language sql stable
return now() - make_interval(secs => profile.clock_back_seconds) - interval '1 day';

-- What was dropped for good, on record and for the figures.
create or replace function telemetry.tell_dropped(profile registry.profile, what text, since timestamptz, until timestamptz) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into registry.audit (tenant, actor, scope, action, outcome, request, source, keys, size, changes)
    values (0, registry.acting(), registry.acting_scope(), what || '.drop', 'done', nullif(current_setting('muster.request', true), ''),
        nullif(current_setting('muster.source', true), ''), array[profile.code], 1,
        json_build_array(json_build_object('key', profile.code, 'part', null, 'before', json_build_object('since', since, 'until', until))));
    insert into telemetry.profile_storage as s (profile_id, dropped_at, dropped_until)
    select profile.id, now(), tell_dropped.until where what = 'readings'
    on conflict (profile_id) do update set dropped_at = now(), dropped_until = greatest(s.dropped_until, excluded.dropped_until);
end;

-- Forget raw readings of a profile that were measured before an instant: whole chunks, the oldest first, `most` of them, as far as
-- each one's roll-ups are complete, nothing can come into it any more as the profile takes readings, and nothing that did is unseen
-- or due. What is under a legal hold is passed over. Who would place one waits until this is done, and the other way round.
drop function if exists telemetry.forget_raw(int4, timestamptz);
create or replace function telemetry.forget_raw(wanted_profile_id int4, before timestamptz, most int4) returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    profile registry.profile;
    chunk record;
    forgotten int4 := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('muster rollups', 0));
    lock table registry.legal_hold in share mode;
    select * into strict profile from registry.profile p where p.id = wanted_profile_id;
    for chunk in select c.range_start, c.range_end from timescaledb_information.chunks c
        where c.hypertable_schema = 'telemetry' and c.hypertable_name = profile.code
            and c.range_end <= before and c.range_end <= telemetry.settled_before(profile)
        order by c.range_start
    loop
        exit when forgotten >= most
            or not exists (select from telemetry.rollup r where r.profile_id = profile.id and r.complete_from <= chunk.range_start)
            or exists (select from telemetry.rollup_due d where d.profile_id = profile.id and d.time < chunk.range_end)
            or exists (select from telemetry.bridge b left join telemetry.follower f on f.bridge = b.name and f.name = 'rollups'
                join telemetry.batch t on t.bridge = b.name and t.n > coalesce(f.n, 0) and t.profile_id = profile.id
                where coalesce('epoch'::timestamptz + t.first_us * interval '1 microsecond', '-infinity') < chunk.range_end);
        continue when registry.is_held(profile.id, chunk.range_start, chunk.range_end);
        update telemetry.rollup r set raw_from = greatest(r.raw_from, chunk.range_end) where r.profile_id = profile.id;
        perform public.drop_chunks(format('telemetry.%I', profile.code)::regclass, older_than => chunk.range_end, newer_than => chunk.range_start);
        perform telemetry.tell_dropped(profile, 'readings', chunk.range_start, chunk.range_end);
        forgotten := forgotten + 1;
    end loop;
    return forgotten;
end $$;
revoke all on function telemetry.forget_raw(int4, timestamptz, int4) from public;
grant execute on function telemetry.forget_raw(int4, timestamptz, int4) to muster_jobs;

-- Forget roll-ups of a profile of before an instant in the same way, of days of which no raw readings are left to compute them from.
create or replace function telemetry.forget_rollups(wanted_profile_id int4, before timestamptz, most int4) returns int4
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    profile registry.profile;
    chunk record;
    forgotten int4 := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('muster rollups', 0));
    lock table registry.legal_hold in share mode;
    select * into strict profile from registry.profile p where p.id = wanted_profile_id;
    for chunk in select c.hypertable_name as name, c.range_start, c.range_end from timescaledb_information.chunks c
        where c.hypertable_schema = 'rolled' and c.hypertable_name in (profile.code || '_hourly', profile.code || '_daily')
            and c.range_end <= before
            and c.range_end <= (select r.raw_from - interval '1 day' from telemetry.rollup r where r.profile_id = profile.id)
        order by c.range_end, c.hypertable_name
    loop
        exit when forgotten >= most;
        continue when registry.is_held(profile.id, chunk.range_start, chunk.range_end);
        perform public.drop_chunks(format('rolled.%I', chunk.name)::regclass, older_than => chunk.range_end, newer_than => chunk.range_start);
        perform telemetry.tell_dropped(profile, 'rollups', chunk.range_start, chunk.range_end);
        forgotten := forgotten + 1;
    end loop;
    return forgotten;
end $$;

-- Drop the oldest chunk of raw readings, and of roll-ups, that a profile keeps no longer; how many of each there were.
create or replace function telemetry.drop_next(wanted_profile_id int4, out readings int4, out rollups int4)
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    select telemetry.forget_raw(p.id, now() - make_interval(days => registry.kept_days(p.id, p.raw_days)), 1),
        telemetry.forget_rollups(p.id, now() - make_interval(days => registry.kept_days(p.id, p.rollup_days)), 1)
    from registry.profile p where p.id = wanted_profile_id and p.raw_days is not null;
end;

-- Compress the oldest chunk of raw readings that nothing is expected to come into any more and that is not compressed, or not
-- wholly: late readings lie beside what is. Null where there is none, and in an edition that cannot.
create or replace function telemetry.compress_next(wanted_profile_id int4) returns regclass
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    profile registry.profile;
    wanted regclass;
begin
    if coalesce(current_setting('timescaledb.license', true), '') <> 'timescale' then
        return null;
    end if;
    select * into strict profile from registry.profile p where p.id = wanted_profile_id;
    -- Of a chunk's status, 2 is that its parts are not in order, 8 that it is compressed in part.
    select format('%I.%I', k.schema_name, k.table_name)::regclass into wanted
    from timescaledb_information.chunks c
    join _timescaledb_catalog.chunk k on k.schema_name = c.chunk_schema and k.table_name = c.chunk_name
    where c.hypertable_schema = 'telemetry' and c.hypertable_name = profile.code
        and c.range_end <= telemetry.settled_before(profile) and (not c.is_compressed or k.status & 10 <> 0)
    order by c.range_start limit 1;
    if wanted is null then
        return null;
    end if;
    if not exists (select from timescaledb_information.hypertables h
        where h.hypertable_schema = 'telemetry' and h.hypertable_name = profile.code and h.compression_enabled)
    then
        execute format('alter table telemetry.%I set (timescaledb.compress, timescaledb.compress_segmentby = ''terminal_id'',
            timescaledb.compress_orderby = ''time'')', profile.code);
    end if;
    perform public.compress_chunk(wanted, if_not_compressed => true);
    return wanted;
end $$;

-- Measure what a profile's readings take, and when the next of them go.
create or replace function telemetry.measure_storage(wanted_profile_id int4) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into telemetry.profile_storage as s (profile_id, measured_at, raw_bytes, compressed_bytes, rollup_bytes, raw_chunks, compressed_chunks,
        held_chunks, raw_since, kept_days, next_drop_at)
    select p.id, now(), coalesce(sum(c.bytes) filter (where c.raw), 0), coalesce(sum(c.compressed_bytes) filter (where c.raw), 0),
        coalesce(sum(c.bytes) filter (where not c.raw), 0), count(*) filter (where c.raw), count(*) filter (where c.raw and c.is_compressed),
        count(*) filter (where c.raw and c.due_at <= now() and c.held), min(c.range_start) filter (where c.raw), k.kept_days,
        min(c.due_at) filter (where c.raw and not (c.due_at <= now() and c.held))
    from registry.profile p
    cross join lateral (select registry.kept_days(p.id, p.raw_days) as kept_days) k
    left join lateral (
        select h.range_start, h.is_compressed, h.hypertable_schema = 'telemetry' as raw, d.due_at,
            d.due_at <= now() and registry.is_held(p.id, h.range_start, h.range_end) as held,
            pg_total_relation_size(format('%I.%I', h.chunk_schema, h.chunk_name)::regclass) as bytes,
            case when z.id is not null then pg_total_relation_size(format('%I.%I', z.schema_name, z.table_name)::regclass) end as compressed_bytes
        from timescaledb_information.chunks h
        join _timescaledb_catalog.chunk m on m.schema_name = h.chunk_schema and m.table_name = h.chunk_name
        left join _timescaledb_catalog.chunk z on z.id = m.compressed_chunk_id
        cross join lateral (select greatest(h.range_end + make_interval(days => k.kept_days),
            case when k.kept_days is not null then h.range_end + make_interval(secs => p.clock_back_seconds) + interval '1 day' end) as due_at) d
        where (h.hypertable_schema, h.hypertable_name) in
            (('telemetry', p.code), ('rolled', p.code || '_hourly'), ('rolled', p.code || '_daily'))) c on true
    where p.id = wanted_profile_id
    group by p.id, k.kept_days
    on conflict (profile_id) do update set measured_at = excluded.measured_at, raw_bytes = excluded.raw_bytes,
        compressed_bytes = excluded.compressed_bytes, rollup_bytes = excluded.rollup_bytes, raw_chunks = excluded.raw_chunks,
        compressed_chunks = excluded.compressed_chunks, held_chunks = excluded.held_chunks, raw_since = excluded.raw_since,
        kept_days = excluded.kept_days, next_drop_at = excluded.next_drop_at;
end;
revoke all on function telemetry.forget_rollups(int4, timestamptz, int4), telemetry.drop_next(int4), telemetry.compress_next(int4),
    telemetry.measure_storage(int4), telemetry.tell_dropped(registry.profile, text, timestamptz, timestamptz) from public;
grant execute on function telemetry.drop_next(int4), telemetry.compress_next(int4), telemetry.measure_storage(int4) to muster_jobs;
