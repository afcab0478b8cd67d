-- Lists of terminals are planned by whom no policy blinds: under a policy an index serves only operators that
-- leak nothing, and neither tags nor names nor joins have such. These functions write a query with
-- everything filled in, so that the planner knows how much it asks for, and run it as the owner. They see what
-- the transaction's scope sees, and of that what the scope sees that they are handed; they return
-- numbers and keys, with which the caller reads the rows under its own policies.

-- Whether a range of regions is the whole tree.
create or replace function registry.covers_every_region(low int4, high int4) returns boolean
language sql stable
return exists (select from registry.region r where r.parent_code is null)
    and not exists (select from registry.region r where r.parent_code is null and not (low <= r.code and r.last_code <= high));

-- What a scope sees of rows that have a region and an owner, as SQL.
create or replace function registry.seen(of text, client_column text, everything boolean, low int4, high int4, roots int4[]) returns text
language sql stable
return case when everything or registry.covers_every_region(low, high) then 'true' else format('(%1$s.region_code between %2$s and %3$s or %1$s.%4$I = any (%5$L::int4[]))',
    of, coalesce(low, 0), coalesce(high, -1), client_column, array(select registry.group_clients_of(low, high, roots))) end;

-- The same for the scope that was handed and for the transaction's, which binds whom the policies bind.
create or replace function registry.seen_by_both(of text, client_column text, wanted jsonb) returns text
language sql stable
return (
    select string_agg(distinct s.sql, ' and ') from (
        select registry.seen(of, client_column, (wanted ->> 'everything')::boolean, (wanted ->> 'region_low')::int4,
            (wanted ->> 'region_high')::int4, array(select jsonb_array_elements_text(wanted -> 'group_clients')::int4)) as sql
        union all
        select registry.seen(of, client_column, registry.scope_everything(), registry.scope_region_low(), registry.scope_region_high(),
            registry.scope_group_clients())
        where session_user not in ('muster_owner', 'muster_bridge', 'muster_jobs', 'muster_inspect')) s);

-- Whether a name holds a text, as SQL that finds it by its pairs of characters.
create or replace function registry.named(name_column text, wanted text) returns text
language sql stable
return format('%1$s is not null and registry.name_pairs(%1$s) @> %2$L::text[] and strpos(lower(%1$s), lower(%3$L)) > 0',
    name_column, array(select p from unnest(registry.name_pairs(wanted)) p where length(p) = 2), wanted);

-- What is asked of terminals `t`, as SQL: every filter that is given. A new one is a line here.
create or replace function registry.terminal_conditions(wanted jsonb) returns text
language sql stable as $$
select concat_ws(' and ', registry.seen_by_both('t', 'group_client_id', wanted),
    case when wanted ? 'prefix_low' then format('t.code >= %L and t.code < %L', wanted ->> 'prefix_low', wanted ->> 'prefix_high') end,
    case when wanted ? 'ids' then format('t.id = any (%L::int4[])', array(select jsonb_array_elements_text(wanted -> 'ids')::int4)) end,
    case when wanted ? 'low' then format('t.region_code between %s and %s', (wanted ->> 'low')::int4, (wanted ->> 'high')::int4) end,
    case when wanted ? 'group_client' then format('t.group_client_id = any (%L::int4[])',
        array(select registry.group_clients_of(0, -1, array[(wanted ->> 'group_client')::int4]))) end,
    case when wanted ? 'state' then format('t.state = %L', wanted ->> 'state') end,
    case when wanted ? 'profile_ids' then format('t.profile_id = any (%L::int4[])',
        array(select jsonb_array_elements_text(wanted -> 'profile_ids')::int4)) end,
    case when wanted ? 'tag' then format('t.tags <> ''{}'' and t.tags @> array[%L]', wanted ->> 'tag') end,
    case when wanted ? 'order_ref' then format('t.order_ref = %L', wanted ->> 'order_ref') end,
    case when wanted ? 'text' then format('(%s or t.code >= %L and t.code < %L)', registry.named('t.name', wanted ->> 'text'),
        wanted ->> 'text', (wanted ->> 'text') || U&'\+10FFFF') end,
    case when wanted ? 'member_of' then format('t.id in (select m.terminal_id from registry.collection_member m where m.collection_id = %s)',
        (wanted ->> 'member_of')::int4) end,
    case when wanted ? 'also' then registry.terminal_conditions(wanted -> 'also') end)
$$;

-- A page of terminals as SQL: in the order of `way`, from where the page before ended. `more` is asked
-- of them, too. Client after client, so that one with three terminals is not looked for among three million.
create or replace function registry.terminal_list(wanted jsonb, more text default 'true') returns text
language sql stable
return case wanted ->> 'way'
    when 'code' then format('select t.id, t.code, t.region_code, t.group_client_id from registry.terminal t
        where t.code > %L and %s and %s order by t.code limit %s',
        wanted ->> 'after', registry.terminal_conditions(wanted), more, (wanted ->> 'rows')::int4)
    when 'region' then format('select t.id, t.code, t.region_code, t.group_client_id from registry.terminal t
        where (t.region_code, t.id) > (%s, %s) and %s and %s order by t.region_code, t.id limit %s',
        (wanted ->> 'after')::int4, (wanted ->> 'after_id')::int4, registry.terminal_conditions(wanted), more, (wanted ->> 'rows')::int4)
    when 'client' then format('select t.* from (select unnest(%L::int4[]) as id order by 1) c
        cross join lateral (
            select t.id, t.code, t.region_code, t.group_client_id from registry.terminal t
            where t.group_client_id = c.id and (c.id > %s or t.id > %s) and %s and %s
            order by t.id limit %s) t
        order by t.group_client_id, t.id limit %6$s',
        array(select g.id from registry.group_clients_of((wanted ->> 'walk_low')::int4, (wanted ->> 'walk_high')::int4,
            array(select jsonb_array_elements_text(wanted -> 'walk_clients')::int4)) g(id) where g.id >= (wanted ->> 'after')::int4 order by 1),
        (wanted ->> 'after')::int4, (wanted ->> 'after_id')::int4, registry.terminal_conditions(wanted),
        case when wanted ? 'beside_low' then format('(%s) and not t.region_code between %s and %s', more,
            (wanted ->> 'beside_low')::int4, (wanted ->> 'beside_high')::int4) else more end, (wanted ->> 'rows')::int4)
    else format('select t.id, t.code, t.region_code, t.group_client_id from registry.terminal t where %s and %s limit %s',
        registry.terminal_conditions(wanted), more, (wanted ->> 'rows')::int4) end;

create or replace function registry.list_terminals(wanted jsonb)
returns table (id int4, code text, region_code int4, group_client_id int4)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query execute registry.terminal_list(wanted);
end $$;

-- What begins with a text, or is named by it: of each kind of number and name some, by that. Each
-- way is a query of its own, limited within what is seen: who sees little is not told of what others have.
create or replace function registry.search_query(wanted jsonb) returns text
language sql stable
return (
    with asked as (
        select wanted ->> 'q' as q, (wanted ->> 'most')::int4 as most, registry.seen_by_both('t', 'group_client_id', wanted) as terminal,
            registry.seen_by_both('s', 'group_client_id', wanted) as sim, registry.seen_by_both('g', 'id', wanted) as client),
    ways as (
        select 'terminal' as kind, 't.id' as id, a.terminal as seen, v.* from asked a, (values
            ('code', 't.code', 'registry.terminal t'),
            ('name', 't.name', 'registry.terminal t'),
            ('imei', 'h.imei', 'registry.hardware h join registry.terminal t on t.id = h.terminal_id and h.valid_to is null'),
            ('wire_name', 'w.value', 'registry.wire_name w join registry.terminal t on t.id = w.terminal_id')) v(field, value, relations)
        union all select 'terminal', 't.id', a.terminal || ' and ' || a.sim, n.field, 's.' || n.field, 'registry.sim s
            join registry.installation i on i.sim_id = s.id and i.valid_to is null join registry.terminal t on t.id = i.terminal_id'
        from asked a, (values ('iccid'), ('imsi'), ('msisdn')) n(field)
        union all select 'sim', 's.id', a.sim, n.field, 's.' || n.field, 'registry.sim s'
        from asked a, (values ('iccid'), ('imsi'), ('msisdn')) n(field)
        union all select 'group_client', 'g.id', a.client, n.field, 'g.' || n.field, 'registry.group_client g'
        from asked a, (values ('code'), ('name')) n(field))
    select string_agg(format('(select %1$L::text as kind, %2$L::text as field, %3$s as id, %4$s as value from %5$s where %6$s and %7$s order by %8$s%3$s limit %9$s)',
        w.kind, w.field, w.id, w.value, w.relations, w.seen,
        case when w.field = 'name' then registry.named(w.value, a.q) else format('%1$s >= %2$L and %1$s < %3$L', w.value, a.q, a.q || U&'\+10FFFF') end,
        -- A word that many names hold is found along the numbers, without sorting all that hold it.
        case when w.field <> 'name' then w.value || ', ' end, a.most), ' union all ')
    from ways w, asked a
    where wanted -> 'fields' ? (w.kind || '.' || w.field));

create or replace function registry.search(wanted jsonb) returns table (kind text, field text, id int4, value text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query execute registry.search_query(wanted);
end $$;

do $grants$
declare
    inner_ regprocedure;
begin
    for inner_ in select p.oid from pg_proc p where p.pronamespace = 'registry'::regnamespace and p.proname in
        ('seen', 'seen_by_both', 'terminal_conditions', 'named', 'terminal_list', 'search_query')
    loop
        execute format('revoke all on function %s from public', inner_);
    end loop;
end $grants$;
grant execute on function registry.list_terminals(jsonb), registry.search(jsonb) to muster_api, muster_jobs, muster_inspect;
