revoke all on telemetry.roll_call, telemetry.tally, telemetry.roll_call_clock
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.roll_call, telemetry.tally, telemetry.roll_call_clock to muster_reader, muster_jobs, muster_inspect;
grant insert, update on telemetry.roll_call, telemetry.tally to muster_jobs;
grant update on telemetry.roll_call_clock to muster_jobs;
grant insert on registry.change to muster_jobs; -- whose presence changed, for the next roll call

-- Call these terminals: note how each is now, and move the sums from how it was last called. One process at a
-- time: what it reads of the last call is what it wrote there itself.
create or replace function telemetry.call_roll(ids int4[]) returns void
language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    with called as (
        select t.id, coalesce(t.group_client_id, 0) as group_client_id, t.region_code, t.profile_id, t.state,
            case when p.data_at is null or p.data_at < t.owner_since then 'never' when p.silent_since is not null then 'silent' else 'online' end as data
        from (select distinct unnest(ids)) i(id) join registry.terminal t on t.id = i.id
        left join telemetry.presence p on p.terminal_id = t.id),
    was as (
        select r.terminal_id, r.group_client_id, r.region_code, r.profile_id, r.state, r.data from telemetry.roll_call r
        where r.terminal_id = any (ids)),
    noted as (
        insert into telemetry.roll_call as r (terminal_id, group_client_id, region_code, profile_id, state, data)
        select c.id, c.group_client_id, c.region_code, c.profile_id, c.state, c.data from called c
        where not exists (select from was w where (w.*) = (c.*))
        on conflict (terminal_id) do update set group_client_id = excluded.group_client_id, region_code = excluded.region_code,
            profile_id = excluded.profile_id, state = excluded.state, data = excluded.data),
    moved as (
        select m.group_client_id, m.region_code, m.profile_id, m.state, m.data, sum(m.n) as n
        from (select c.group_client_id, c.region_code, c.profile_id, c.state, c.data, 1 as n from called c
            union all select w.group_client_id, w.region_code, w.profile_id, w.state, w.data, -1 from was w) m
        group by m.group_client_id, m.region_code, m.profile_id, m.state, m.data having sum(m.n) <> 0)
    insert into telemetry.tally as t (group_client_id, region_code, profile_id, state, data, terminals)
    select m.group_client_id, m.region_code, m.profile_id, m.state, m.data, m.n from moved m
    union all
    select -1, m.region_code, m.profile_id, m.state, m.data, sum(m.n) from moved m
    group by m.region_code, m.profile_id, m.state, m.data having sum(m.n) <> 0
    on conflict (group_client_id, region_code, profile_id, state, data) do update set terminals = t.terminals + excluded.terminals;
end;
revoke all on function telemetry.call_roll(int4[]) from public;
grant execute on function telemetry.call_roll(int4[]) to muster_jobs;

-- The sums as far as the scope sees them: all owners' together of its region, each owner's of its clients.
drop view if exists visible.tally, visible.roll_call_clock;
create view visible.tally with (security_barrier) as
select t.group_client_id, t.region_code, t.profile_id, t.state, t.data, t.terminals from telemetry.tally t
where (select registry.scope_everything())
    or t.region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
    or t.group_client_id > 0 and t.group_client_id in (select registry.visible_group_clients());
create view visible.roll_call_clock with (security_barrier) as select as_of, complete from telemetry.roll_call_clock;
alter view visible.tally owner to muster_reader;
alter view visible.roll_call_clock owner to muster_reader;
grant select on visible.tally, visible.roll_call_clock to muster_api, muster_jobs, muster_inspect;

-- What a row `r` of the roll call has to say of a terminal `t` that has not changed since, as SQL.
create or replace function telemetry.called(wanted jsonb) returns text
language sql stable
return format('r.data = any (%L) and r.terminal_id = t.id and r.state = t.state and r.region_code = t.region_code and r.group_client_id = coalesce(t.group_client_id, 0)',
    case wanted ->> 'data' when 'absent' then array['silent', 'never'] else array[wanted ->> 'data'] end);

-- What is asked of the presence of terminals `t`, as SQL: of their data as they were last called, once everybody was, or as they
-- are `now`. A list is walked and asks one after the other; what counts may join.
create or replace function telemetry.presence_conditions(wanted jsonb) returns text
language sql stable
return (
    with told as (
        select case when wanted ->> 'way' in ('code', 'region', 'client') then 'coalesce((select %s from telemetry.presence p where p.terminal_id = t.id), false)'
                else 'exists (select from telemetry.presence p where p.terminal_id = t.id and %s)' end as told,
            (select complete from telemetry.roll_call_clock) as complete,
            (select sessions_known_since from telemetry.presence_clock) as known_since),
    parts as (
        select complete, format(told, 'p.data_at >= t.owner_since and p.silent_since is null') as online,
            'not ' || format(told, 'p.data_at >= t.owner_since') as never,
            format(told, format('p.session_up %%s and %s', case when known_since is null then 'true' else
                format('greatest(p.session_since, case when p.session_up then p.data_at end) >= %L', known_since) end)) as session
        from told)
    select concat_ws(' and ', 'true',
        case when wanted ? 'data' and complete and not wanted ? 'now' then format('exists (select from telemetry.roll_call r where %s)', telemetry.called(wanted))
            else case wanted ->> 'data' when 'online' then online when 'never' then never when 'absent' then 'not ' || online
                when 'silent' then format('not %s and not %s', online, never) end end,
        case wanted ->> 'session' when 'online' then format(session, '') when 'offline' then format(session, '= false')
            when 'unknown' then 'not ' || format(session, 'is not null') end)
    from parts);
revoke all on function telemetry.called(jsonb), telemetry.presence_conditions(jsonb) from public;

-- A page of those that were last called so and are so still, as SQL: each state of each is a short walk in the order of an
-- index, however few there are. Whoever has become so since is not in it before the next call.
create or replace function telemetry.called_list(wanted jsonb) returns text
language sql stable
return (
    with walk as (
        select case wanted ->> 'way'
            when 'client' then format('r.group_client_id = c.id and (r.region_code, r.terminal_id) > (%s) and r.region_code between c.low and c.high',
                registry.walked_from(wanted))
            else format('(r.region_code, r.terminal_id) > (%s, %s) and r.region_code between %s and %s', (wanted ->> 'after')::int4,
                (wanted ->> 'after_id')::int4, coalesce((wanted ->> 'low')::int4, 0), coalesce((wanted ->> 'high')::int4, 2147483647)) end as part),
    walks as (
        select format('unnest(%L::text[]) d(data) cross join unnest(%L::text[]) s(state) cross join lateral (
            select t.* from telemetry.roll_call r join registry.terminal t on %s
            where r.data = d.data and r.state = s.state and %s and %s and %s order by r.region_code, r.terminal_id limit %s) t',
            case wanted ->> 'data' when 'absent' then array['silent', 'never'] else array[wanted ->> 'data'] end,
            array(select jsonb_array_elements_text(wanted -> 'states')), telemetry.called(wanted), part, registry.terminal_conditions(wanted),
            telemetry.presence_conditions(wanted || '{"now": true}'), (wanted ->> 'rows')::int4) as text
        from walk)
    select case wanted ->> 'way'
        when 'client' then format('select t.* from %s cross join lateral (
            select t.* from %s order by t.region_code, t.id limit %s) t order by c.id, t.region_code, t.id limit %3$s',
            registry.walked_clients(wanted), text, (wanted ->> 'rows')::int4)
        else format('select t.* from %s order by t.region_code, t.id limit %s', text, (wanted ->> 'rows')::int4) end
    from walks);
revoke all on function telemetry.called_list(jsonb) from public;

create or replace function telemetry.list_terminals(wanted jsonb)
returns table (id int4, code text, region_code int4, group_client_id int4)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    if wanted ? 'data' and (select complete from telemetry.roll_call_clock) then
        return query execute format('select id, code, region_code, group_client_id from (%s) t', telemetry.called_list(wanted));
    else
        return query execute registry.list_query(wanted, telemetry.presence_conditions(wanted));
    end if;
end $$;

-- How many terminals there are, up to a bound beyond which they are not counted one by one.
create or replace function telemetry.count_terminals(wanted jsonb, most int4) returns int4
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    counted int4;
begin
    execute format('select count(*)::int4 from (%s) found', registry.terminal_list(wanted || jsonb_build_object('way', 'any', 'rows', most),
        telemetry.presence_conditions(wanted))) into counted;
    return counted;
end $$;

-- About how many there are: of so many drawn by lot, those that are asked for, as a share of all numbers.
create or replace function telemetry.estimate_terminals(wanted jsonb, drawn int4) returns int8
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    last_id int4 := (select max(t.id) from registry.terminal t);
    estimate int8;
begin
    execute format('with lot as materialized (select distinct 1 + floor(random() * %1$s)::int4 as id from generate_series(1, %2$s))
        select count(*) * %1$s / (select count(*) from lot) from lot join registry.terminal t on t.id = lot.id where %3$s and %4$s',
        last_id, drawn, registry.terminal_conditions(wanted), telemetry.presence_conditions(wanted)) into estimate;
    return estimate;
end $$;
revoke all on function telemetry.list_terminals(jsonb), telemetry.count_terminals(jsonb, int4), telemetry.estimate_terminals(jsonb, int4) from public;
grant execute on function telemetry.list_terminals(jsonb), telemetry.count_terminals(jsonb, int4), telemetry.estimate_terminals(jsonb, int4)
    to muster_api, muster_jobs, muster_inspect;
