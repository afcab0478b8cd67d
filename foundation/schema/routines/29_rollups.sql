-- Make or extend the roll-ups of a profile and the views of them; called with its table, by the same owner. Days are UTC's.
-- A bucket that an edge of an ownership interval, or of what a tier lets see, cuts is in no view of the door's: of it each side
-- reads its own raw readings. A metric is a value of several parts: `(voltage_a).max`; no metric can be named "#readings".
create or replace function telemetry.ensure_rollups(wanted_profile_id int4) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    profile registry.profile;
    metric registry.profile_metric;
    grain record;
    kind text;
    shown text := '';
begin
    select * into strict profile from registry.profile p where p.id = wanted_profile_id;
    for grain in select profile.code || g.suffix as name, g.days from (values
        ('_hourly', least(7 * profile.chunk_days, 90)), ('_daily', 365)) g(suffix, days)
    loop
        execute format('drop view if exists visible.%I', grain.name);
        execute format('drop view if exists telemetry.%I', grain.name);
        if to_regclass(format('rolled.%I', grain.name)) is null then
            execute format('create table rolled.%I (terminal_id int4 not null, time timestamptz not null, "#readings" int4 not null, primary key (terminal_id, time))', grain.name);
            perform public.create_hypertable(format('rolled.%I', grain.name)::regclass,
                public.by_range('time', make_interval(days => grain.days)), create_default_indexes => false);
            execute format('grant select, insert, update on rolled.%I to muster_jobs', grain.name);
            execute format('grant select on rolled.%I to muster_inspect', grain.name);
        end if;
    end loop;
    for metric in select * from registry.profile_metric m where m.profile_id = profile.id order by m.position loop
        kind := case when metric.decimals is not null then 'bigint' else metric.type end;
        execute format('alter table rolled.%I add column if not exists %I rolled.%I', profile.code || '_hourly', metric.name, 'of_' || kind);
        execute format('alter table rolled.%I add column if not exists %I rolled.%I', profile.code || '_daily', metric.name, 'of_' || kind);
        if not metric.hidden then
            shown := shown || case when metric.decimals is null then format(', r.%I', metric.name)
                else format(', case when (r.%1$I).count > 0 then row((r.%1$I).count, (r.%1$I).sum::double precision / %2$s,
                    (r.%1$I).min::double precision / %2$s, (r.%1$I).max::double precision / %2$s,
                    (r.%1$I).first::double precision / %2$s, (r.%1$I).first_at, (r.%1$I).last::double precision / %2$s,
                    (r.%1$I).last_at)::rolled.of_double end as %1$I', metric.name, (10 ^ metric.decimals)::bigint) end;
        end if;
    end loop;
    for grain in select profile.code || g.suffix as name, g.span from (values ('_hourly', '1 hour'), ('_daily', '24 hours')) g(suffix, span) loop
        execute format('create view telemetry.%1$I as select r.time, r.terminal_id, r."#readings"%2$s from rolled.%1$I r', grain.name, shown);
        execute format('grant select on telemetry.%I to muster_reader, muster_jobs, muster_inspect', grain.name);
        execute format('create view visible.%1$I with (security_barrier) as
            select r.*, o.terminal_code as terminal
            from telemetry.%1$I r join registry.ownership o on o.terminal_id = r.terminal_id
                and r.time >= o.valid_from and (o.valid_to is null or r.time + interval %2$L <= o.valid_to)
            where r.time >= (select registry.scope_history_from())', grain.name, grain.span);
        execute format('alter view visible.%I owner to muster_reader', grain.name);
        execute format('grant select on visible.%I to muster_api, muster_inspect', grain.name);
    end loop;
end $$;
revoke all on function telemetry.ensure_rollups(int4) from public;

-- A number as it lies in the feed: four bytes, the lowest first.
create or replace function telemetry.feed_bytes(number int4) returns bytea
language sql immutable parallel safe
return substring(int4send(number) from 4 for 1) || substring(int4send(number) from 3 for 1)
    || substring(int4send(number) from 2 for 1) || substring(int4send(number) from 1 for 1);

-- What a reader of roll-ups has to know of a profile and some terminals: how far it is rolled up, which buckets of a window are due,
-- and from when on batches that nobody has looked at may say more. Which batches name one of few terminals is looked up in the few
-- that there are while the follower keeps up (four equal bytes elsewhere do no harm); else any may.
create or replace function telemetry.rollup_ground(wanted_profile text, wanted_ids int4[], window_start timestamptz, window_end timestamptz)
returns table (complete_from timestamptz, raw_from timestamptz, unseen_from timestamptz, due_hours timestamptz[], due_days timestamptz[])
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    wanted_id int4 := (select p.id from registry.profile p where p.code = wanted_profile);
    precise boolean;
begin
    precise := cardinality(wanted_ids) <= 100 and (select count(*) from (
        select from telemetry.bridge b left join telemetry.follower f on f.bridge = b.name and f.name = 'rollups'
        join telemetry.batch t on t.bridge = b.name and t.n > coalesce(f.n, 0) and t.profile_id = wanted_id limit 301) unseen) <= 300;
    return query select r.complete_from, r.raw_from, coalesce((
            select min(coalesce('epoch'::timestamptz + t.first_us * interval '1 microsecond', '-infinity'))
            from telemetry.bridge b left join telemetry.follower f on f.bridge = b.name and f.name = 'rollups'
            join telemetry.batch t on t.bridge = b.name and t.n > coalesce(f.n, 0) and t.profile_id = wanted_id
            where not precise or exists (
                select from unnest(wanted_ids) i where position(telemetry.feed_bytes(i) in t.terminal_ids) > 0)), 'infinity'),
        array(select distinct d.time from telemetry.rollup_due d where d.profile_id = wanted_id and d.terminal_id = any (wanted_ids)
            and not d.daily and d.time > window_start - interval '1 hour' and d.time < window_end order by 1),
        array(select distinct d.time from telemetry.rollup_due d where d.profile_id = wanted_id and d.terminal_id = any (wanted_ids)
            and d.daily and d.time > window_start - interval '24 hours' and d.time < window_end order by 1)
        from telemetry.rollup r where r.profile_id = wanted_id;
end $$;
revoke all on function telemetry.rollup_ground(text, int4[], timestamptz, timestamptz) from public;
grant execute on function telemetry.rollup_ground(text, int4[], timestamptz, timestamptz) to muster_api;

grant select on telemetry.rollup, telemetry.rollup_due to muster_inspect;
grant select, insert, update on telemetry.rollup to muster_jobs;
grant select, insert, update, delete on telemetry.rollup_due to muster_jobs;
