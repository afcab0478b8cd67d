revoke all on telemetry.binding_tally, telemetry.supervision_clock, telemetry.supervision_day, telemetry.supervision_daily, telemetry.supervised_client
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.binding_tally, telemetry.supervision_clock, telemetry.supervision_day, telemetry.supervision_daily, telemetry.supervised_client
    to muster_reader, muster_jobs, muster_inspect;
grant insert, delete on telemetry.supervision_day to muster_jobs;
grant insert on telemetry.supervision_daily to muster_jobs;
grant insert, update, delete on telemetry.supervised_client to muster_jobs;

-- Count the SIMs in use and their bindings; what is as it was is left alone. By whom no policy blinds (see 72_bindings).
create or replace function telemetry.count_bindings() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    with each as (
        select coalesce(t.group_client_id, 0) as group_client_id, t.region_code, p.sector, count(*)::int4 as sims_in_use, count(b.id)::int4 as sims_bound,
            (count(*) filter (where b.verdict = 'ok'))::int4 as sims_ok, (count(*) filter (where b.verdict = 'violated'))::int4 as sims_violated
        from registry.installation i
        join registry.terminal t on t.id = i.terminal_id and registry.may_connect(t.state)
        join registry.profile p on p.id = t.profile_id
        left join registry.binding b on b.sim_id = i.sim_id and b.valid_to is null and b.mode <> 'off'
        where i.valid_to is null group by 1, 2, 3),
    counted as (
        select e.* from each e
        union all
        select -1, e.region_code, e.sector, sum(e.sims_in_use)::int4, sum(e.sims_bound)::int4, sum(e.sims_ok)::int4, sum(e.sims_violated)::int4
        from each e group by e.region_code, e.sector),
    gone as (
        delete from telemetry.binding_tally k
        where not exists (select from counted c where (c.group_client_id, c.region_code, c.sector) = (k.group_client_id, k.region_code, k.sector)))
    insert into telemetry.binding_tally as k (group_client_id, region_code, sector, sims_in_use, sims_bound, sims_ok, sims_violated)
    select c.* from counted c
    on conflict (group_client_id, region_code, sector) do update
    set sims_in_use = excluded.sims_in_use, sims_bound = excluded.sims_bound, sims_ok = excluded.sims_ok, sims_violated = excluded.sims_violated
    where (k.sims_in_use, k.sims_bound, k.sims_ok, k.sims_violated)
        <> (excluded.sims_in_use, excluded.sims_bound, excluded.sims_ok, excluded.sims_violated);
    update telemetry.supervision_clock set bindings_at = now();
end;
grant execute on function telemetry.count_bindings() to muster_jobs;

-- Forget the sums of a day: a whole chunk.
create or replace function telemetry.forget_supervision(day date) returns int4
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select count(*)::int4 from public.drop_chunks('telemetry.supervision_daily', older_than => day + 1, newer_than => day) $$;
grant execute on function telemetry.forget_supervision(date) to muster_jobs;

-- As far as the scope sees them: of its region all owners' terminals, of its clients and those that it supervised on
-- that day all of theirs; a client as it was on days on which the scope saw its file.
drop view if exists visible.binding_tally, visible.supervision_clock, visible.supervision_day, visible.supervision_daily, visible.supervised_client;
create view visible.binding_tally with (security_barrier) as
select t.group_client_id, t.region_code, t.sector, t.sims_in_use, t.sims_bound, t.sims_ok, t.sims_violated from telemetry.binding_tally t
where (select registry.scope_everything())
    or t.region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
    or t.group_client_id > 0 and t.group_client_id in (select registry.visible_group_clients());
create view visible.supervision_clock with (security_barrier) as select bindings_at from telemetry.supervision_clock;
create view visible.supervision_day with (security_barrier) as select day, ended_at, taken_at from telemetry.supervision_day;
create view visible.supervision_daily with (security_barrier) as
select d.* from telemetry.supervision_daily d
where (select registry.scope_everything())
    or d.region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
    or d.supervised_in between (select registry.scope_region_low()) and (select registry.scope_region_high())
    or d.group_client_id > 0 and d.group_client_id in (select registry.scoped_client_subtree());
create view visible.supervised_client with (security_barrier) as
select c.* from telemetry.supervised_client c
where (select registry.scope_everything())
    or c.region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
    or c.group_client_id in (select registry.scoped_client_subtree());
alter view visible.binding_tally owner to muster_reader;
alter view visible.supervision_clock owner to muster_reader;
alter view visible.supervision_day owner to muster_reader;
alter view visible.supervision_daily owner to muster_reader;
alter view visible.supervised_client owner to muster_reader;
grant select on visible.binding_tally, visible.supervision_clock, visible.supervision_day, visible.supervision_daily, visible.supervised_client,
    visible.completeness_daily to muster_api, muster_jobs, muster_inspect;
