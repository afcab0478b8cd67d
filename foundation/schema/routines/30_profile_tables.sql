-- Make or extend the hypertable, the roll-ups and the visible views of a profile. The DDL is built here, from the
-- registry, so that no caller can hand the owner a text to execute.
create or replace function telemetry.ensure_profile_table(wanted_profile_id int4) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    profile registry.profile;
    metric registry.profile_metric;
    shown text := '';
begin
    select * into profile from registry.profile p where p.id = wanted_profile_id;
    if profile.id is null then
        raise exception 'There is no such profile.' using errcode = 'no_data_found';
    end if;
    -- View before table, the order in which readers lock them.
    execute format('drop view if exists visible.%I', profile.code);
    if to_regclass(format('telemetry.%I', profile.code)) is null then
        execute format('create table telemetry.%I (time timestamptz not null, terminal_id int4 not null, delay_seconds int4 not null, primary key (terminal_id, time))', profile.code);
        perform public.create_hypertable(format('telemetry.%I', profile.code)::regclass,
            public.by_range('time', make_interval(days => profile.chunk_days)), create_default_indexes => false);
        execute format('grant select, insert, update on telemetry.%I to muster_bridge', profile.code);
        execute format('grant select on telemetry.%I to muster_reader, muster_jobs, muster_inspect', profile.code);
    end if;
    for metric in select * from registry.profile_metric m where m.profile_id = profile.id order by m.position loop
        execute format('alter table telemetry.%I add column if not exists %I %s', profile.code, metric.name,
            case when metric.decimals is not null then 'bigint' when metric.type = 'double' then 'double precision' else metric.type end);
        if not metric.hidden then
            shown := shown || case when metric.decimals is null then format(', r.%I', metric.name)
                else format(', r.%1$I::double precision / %2$s as %1$I', metric.name, (10 ^ metric.decimals)::bigint) end;
        end if;
    end loop;
    execute format('create view visible.%1$I with (security_barrier) as
        select r.time, r.terminal_id, o.terminal_code as terminal, r.delay_seconds%2$s
        from telemetry.%1$I r join registry.ownership o on o.terminal_id = r.terminal_id
            and r.time >= o.valid_from and (o.valid_to is null or r.time < o.valid_to)
        where r.time >= (select registry.scope_history_from())', profile.code, shown);
    execute format('alter view visible.%I owner to muster_reader', profile.code);
    execute format('grant select on visible.%I to muster_api, muster_inspect, muster_jobs', profile.code);
    perform telemetry.ensure_rollups(profile.id);
end $$;
revoke all on function telemetry.ensure_profile_table(int4) from public;
grant execute on function telemetry.ensure_profile_table(int4) to muster_api;

-- Views that were made before reads were cut by tier are made anew, and roll-ups where there are none.
do $views$
begin
    perform telemetry.ensure_profile_table(p.id) from registry.profile p
    where pg_get_viewdef(to_regclass(format('visible.%I', p.code))) not like '%scope_history_from%'
        or to_regclass(format('rolled.%I', p.code || '_daily')) is null;
end
$views$;

-- Forget the feed's batches before an instant: whole chunks, so that nothing is left to vacuum.
create or replace function telemetry.forget_batches(before timestamptz) returns int4
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select count(*)::int4 from public.drop_chunks('telemetry.batch', older_than => before) $$;
revoke all on function telemetry.forget_batches(timestamptz) from public;
grant execute on function telemetry.forget_batches(timestamptz) to muster_jobs;

revoke all on telemetry.event, telemetry.batch, telemetry.follower, telemetry.bridge, telemetry.latest, telemetry.quarantine
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.event, telemetry.latest, telemetry.quarantine to muster_reader;
grant select on telemetry.event, telemetry.batch, telemetry.follower, telemetry.bridge, telemetry.latest, telemetry.quarantine to muster_inspect, muster_jobs;
grant select, insert on telemetry.event, telemetry.batch to muster_bridge;
grant select, insert, update on telemetry.bridge, telemetry.quarantine to muster_bridge;
grant select, insert, update on telemetry.latest, telemetry.follower to muster_jobs;
grant select, insert, update, delete on telemetry.fragment to muster_bridge;
grant select on telemetry.fragment to muster_inspect;
grant insert, delete on telemetry.event to muster_jobs; -- what begins and ends in readings
