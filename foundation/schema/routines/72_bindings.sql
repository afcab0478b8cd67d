-- Figures of bindings, and which requests there are, by whom no policy blinds (see 70_lists): a policy that asks
-- row by row whether its SIM is seen would take minutes over a province. What they see is what the transaction's
-- scope sees, and of that what the scope sees that they are handed; they return numbers.

-- By province: SIMs in use (in a terminal that may connect), how many of them are bound, and with which verdict. A province
-- of the scope without any is a row of noughts.
create or replace function registry.cover_bindings(wanted jsonb)
returns table (region_code int4, in_use int8, bound int8, ok int8, violated int8, unproven int8)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query execute format($query$
        select c.region_code, sum(c.in_use)::int8, sum(c.bound)::int8, sum(c.ok)::int8, sum(c.violated)::int8, sum(c.unproven)::int8
        from (select coalesce(p.code, s.region_code) as region_code, count(*) as in_use, count(b.id) as bound, count(*) filter (where b.verdict = 'ok') as ok,
            count(*) filter (where b.verdict = 'violated') as violated, count(*) filter (where b.verdict = 'unproven') as unproven
        from registry.sim s
        join registry.installation i on i.sim_id = s.id and i.valid_to is null
        join registry.terminal t on t.id = i.terminal_id
            and t.state in ('provisioned', 'testing', 'in_service', 'maintenance', 'isolated')
        left join registry.binding b on b.sim_id = s.id and b.valid_to is null and b.mode <> 'off'
        left join registry.region p on p.level = 'province' and s.region_code between p.code and p.last_code
        where %s group by 1
        union all
        select p.code, 0, 0, 0, 0, 0 from registry.region p where p.level = 'province'
            and (registry.scope_everything() or p.code between registry.scope_region_low() and registry.scope_region_high())) c
        group by 1 order by 1 $query$, registry.seen_by_both('s', 'group_client_id', wanted));
end $$;

-- How many rules are violated, by how; `most` of them are counted.
create or replace function registry.count_violations(wanted jsonb)
returns table (violation text, rules int8)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query execute format($query$
        select v.violation, count(*) from (
            select b.violation from registry.binding b join registry.sim s on s.id = b.sim_id
            where b.valid_to is null and b.mode <> 'off' and b.verdict = 'violated' and %s
            limit %L::int4) v
        group by 1 order by 2 desc, 1 $query$, registry.seen_by_both('s', 'group_client_id', wanted), wanted ->> 'most');
end $$;

-- The numbers of the requests for another hardware, newest first; a client sees what was asked while the SIM was its own.
create or replace function registry.list_binding_requests(wanted jsonb) returns setof int4
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query execute concat_ws(' and ',
        'select r.id from registry.binding_request r join registry.sim s on s.id = r.sim_id where true',
        registry.seen_by_both('s', 'group_client_id', wanted),
        case when not registry.scope_everything() and registry.scope_group_clients() <> '{}' then
            format('r.group_client_id = any (%L::int4[])', array(select registry.visible_group_clients())) end,
        case when wanted ? 'before' then format('r.id < %L::int8', wanted ->> 'before') end,
        case when wanted ? 'iccid' then format('s.iccid = %L', wanted ->> 'iccid') end,
        case when wanted ->> 'state' = 'open' then 'r.state = ''open'' and r.expires_at > now()'
            when wanted ->> 'state' = 'expired' then 'r.state in (''open'', ''expired'') and r.expires_at <= now()'
            when wanted ? 'state' then format('r.state = %L', wanted ->> 'state') end)
        || format(' order by r.id desc limit %L::int4', wanted ->> 'rows');
end $$;

grant execute on function registry.cover_bindings(jsonb), registry.count_violations(jsonb), registry.list_binding_requests(jsonb)
    to muster_api, muster_inspect;
