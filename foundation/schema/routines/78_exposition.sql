-- What the terminals of a group client are heard of and said last, for who scrapes them: of each profile how many there are,
-- are heard of and do not fall silent, and of each metric how many series it is; packed on demand (number and value of each
-- terminal, in one order). Of silent terminals only when they were heard of. The reader reads it: nothing of an earlier owner.
-- Numbers whose square is beyond what is stored count for no mean.
create or replace function visible.newest_of_client(wanted_client_id int4, packed boolean)
returns table (profile_id int4, metric text, terminals int8, heard int8, series int8, lowest float8, highest float8, mean float8,
    ids bytea, numbers bytea, codes text[])
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    with mine as materialized (
        select t.id, t.code, t.profile_id, t.owner_since, p.data_at,
            p.data_at >= t.owner_since as is_heard, p.data_at >= t.owner_since and p.silent_since is null as comes
        from registry.terminal t left join telemetry.presence p on p.terminal_id = t.id
        where t.group_client_id = wanted_client_id and t.state <> 'retired')
    select m.profile_id, null::text, count(*), count(*) filter (where m.is_heard), count(*) filter (where m.comes),
        null::float8, null::float8, null::float8,
        string_agg(int4send(m.id), '') filter (where m.is_heard and packed),
        string_agg(float8send(extract(epoch from m.data_at)::float8), '') filter (where m.is_heard and packed),
        array_agg(m.code) filter (where m.is_heard and packed)
    from mine m group by m.profile_id
    union all
    select m.profile_id, l.metric, null, null, count(*), min(l.number), max(l.number), avg(l.number) filter (where abs(l.number) < 1e100),
        string_agg(int4send(m.id), '') filter (where packed), string_agg(float8send(l.number), '') filter (where packed), null
    from mine m join telemetry.latest l on l.terminal_id = m.id and l.time >= m.owner_since
    where m.comes and l.number is not null group by m.profile_id, l.metric;
end;
alter function visible.newest_of_client(int4, boolean) owner to muster_reader;
revoke all on function visible.newest_of_client(int4, boolean) from public;
grant execute on function visible.newest_of_client(int4, boolean) to muster_api;
