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

-- Whether a name holds a text, as SQL: read, or found by its pairs of characters.
create or replace function registry.holds(name_column text, wanted text) returns text
language sql stable
return format('strpos(lower(%1$s), lower(%2$L)) > 0', name_column, wanted);

create or replace function registry.named(name_column text, wanted text) returns text
language sql stable
return format('%1$s is not null and registry.name_pairs(%1$s) @> %2$L::text[] and %3$s',
    name_column, array(select p from unnest(registry.name_pairs(wanted)) p where length(p) = 2), registry.holds(name_column, wanted));

-- Whether a code begins with a text, as SQL.
create or replace function registry.begins(code_column text, wanted text) returns text
language sql stable
return format('%1$s >= %2$L and %1$s < %3$L', code_column, wanted, wanted || U&'\+10FFFF');

-- What is asked of terminals `t`, as SQL: every filter that is given. A new one is a line here. Who walks is asked of each
-- terminal whether it is seen, lest the planner look up all that are.
create or replace function registry.terminal_conditions(wanted jsonb) returns text
language sql stable as $$
select concat_ws(' and ', format(case when wanted ->> 'way' in ('code', 'region', 'client') then 'case when %s then true else false end' else '%s' end,
        registry.seen_by_both('t', 'group_client_id', wanted)),
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
    case when wanted ? 'text' then format('(%s or %s)', registry.named('t.name', wanted ->> 'text'), registry.begins('t.code', wanted ->> 'text')) end,
    case when wanted ? 'member_of' then format('t.id in (select m.terminal_id from registry.collection_member m where m.collection_id = %s)',
        (wanted ->> 'member_of')::int4) end,
    case when wanted ? 'also' then registry.terminal_conditions(wanted -> 'also') end)
$$;

-- The clients `c` that are walked one after the other, as SQL, from the one where the page before ended; each where it is
-- looked for, which is everywhere or beside the region that was walked before.
create or replace function registry.walked_clients(wanted jsonb) returns text
language sql stable
return format('(select g.id, z.low, z.high from unnest(%L::int4[]) g(id) cross join (values (0, %s), (%s, 2147483647)) z(low, high) where z.low <= z.high order by 1, 2) c',
    array(select g.id from registry.group_clients_of((wanted ->> 'walk_low')::int4, (wanted ->> 'walk_high')::int4,
        array(select jsonb_array_elements_text(wanted -> 'walk_clients')::int4)) g(id) where g.id >= (wanted ->> 'after')::int4),
    coalesce((wanted ->> 'beside_low')::int4, 0) - 1, coalesce((wanted ->> 'beside_high')::int4, -1) + 1);

-- Where the walk of a client `c` begins, as SQL: the page before may have ended within it.
create or replace function registry.walked_from(wanted jsonb) returns text
language sql stable
return format('case when c.id > %1$s then -1 else %2$s end, case when c.id > %1$s then -1 else %3$s end', (wanted ->> 'after')::int4,
    (wanted ->> 'after_region')::int4, (wanted ->> 'after_id')::int4);

-- A page of terminals as SQL: in the order of `way`, from where the page before ended. `more` is asked
-- of them, too. Client after client, so that one with three terminals is not looked for among three million.
create or replace function registry.terminal_list(wanted jsonb, more text default 'true') returns text
language sql stable
return case wanted ->> 'way'
    when 'code' then format('select t.* from registry.terminal t
        where t.code > %L and %s and %s order by t.code limit %s',
        wanted ->> 'after', registry.terminal_conditions(wanted), more, (wanted ->> 'rows')::int4)
    when 'region' then format('select t.* from registry.terminal t
        where (t.region_code, t.id) > (%s, %s) and %s and %s order by t.region_code, t.id limit %s',
        (wanted ->> 'after')::int4, (wanted ->> 'after_id')::int4, registry.terminal_conditions(wanted), more, (wanted ->> 'rows')::int4)
    when 'client' then format('select t.* from %s cross join lateral (
            select t.* from registry.terminal t
            where t.group_client_id = c.id and t.region_code between c.low and c.high and (t.region_code, t.id) > (%s) and %s and %s
            order by t.region_code, t.id limit %s) t
        order by c.id, t.region_code, t.id limit %5$s',
        registry.walked_clients(wanted), registry.walked_from(wanted), registry.terminal_conditions(wanted), more, (wanted ->> 'rows')::int4)
    else format('select t.* from registry.terminal t where %s and %s limit %s',
        registry.terminal_conditions(wanted), more, (wanted ->> 'rows')::int4) end;

-- Terminals that are named by a text: all, or as many as fill a page. A name that few have is found by its pairs of characters.
-- One that many have is met among the next of the way, so many as `walks`, without sorting all that have it; a word of two or
-- three characters mostly is such.
create or replace function registry.ids_named(wanted jsonb, more text default 'true') returns int4[]
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    few constant int4 := 1000;
    asked constant text := wanted ->> 'text';
    by_pairs constant text := format('select t.id from registry.terminal t where %s', registry.named('t.name', asked));
    found int4[];
    some_are_left boolean;
begin
    if length(asked) > 3 then
        execute format('select array(%s limit %s)', by_pairs, few + 1) into found;
        if cardinality(found) <= few then
            return found;
        end if;
    end if;
    execute format('select coalesce(array_agg(f.id) filter (where f.is_so), ''{}''), coalesce(bool_or(f.n = %1$s), false) from (
        select n.* from (select t.id, row_number() over () as n, %2$s as is_so from (%3$s) t) n where n.is_so or n.n = %1$s limit %4$s) f',
        wanted ->> 'walks', registry.holds('t.name', asked),
        registry.terminal_list(wanted - 'text' || jsonb_build_object('rows', wanted -> 'walks'), more), wanted ->> 'rows') into found, some_are_left;
    if some_are_left and cardinality(found) < (wanted ->> 'rows')::int4 then
        execute format('select array(%s)', by_pairs) into found;
    end if;
    return found;
end $$;

-- A page of terminals, as SQL. By a text these are two lists in one: whose code begins with it, and who is named by it.
create or replace function registry.list_query(wanted jsonb, more text default 'true') returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    asked constant text := wanted ->> 'text';
    rest constant jsonb := wanted - 'text';
    coded constant jsonb := rest || jsonb_build_object('prefix_low', greatest(asked, wanted ->> 'prefix_low'),
        'prefix_high', least(asked || U&'\+10FFFF', wanted ->> 'prefix_high'));
    columns constant text := 'select id, code, region_code, group_client_id from (%s) t';
    named text;
    some_begin boolean;
begin
    if asked is null or wanted ? 'ids' then
        return format(columns, registry.terminal_list(wanted, more));
    end if;
    named := format(columns, registry.terminal_list(rest || jsonb_build_object('ids', registry.ids_named(wanted, more)), more));
    execute format('select exists (select from registry.terminal t where %s)', registry.begins('t.code', asked)) into some_begin;
    if not some_begin then
        return named;
    end if;
    return format('%s union %s order by %s limit %s', named, format(columns, registry.terminal_list(coded, more)), case wanted ->> 'way' when 'code' then 'code' when 'region' then 'region_code, id' else 'group_client_id, region_code, id' end, wanted ->> 'rows');
end $$;

create or replace function registry.list_terminals(wanted jsonb)
returns table (id int4, code text, region_code int4, group_client_id int4)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query execute registry.list_query(wanted);
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
        case when w.field <> 'name' then registry.begins(w.value, a.q) when w.kind = 'group_client' then registry.named(w.value, a.q)
            else format('t.id = any (%L::int4[]) and %s', array(select jsonb_array_elements_text(wanted -> 'named')::int4), registry.holds(w.value, a.q)) end,
        -- A word that many names hold is found along the numbers, without sorting all that hold it.
        case when w.field <> 'name' then w.value || ', ' end, a.most), ' union all ')
    from ways w, asked a
    where wanted -> 'fields' ? (w.kind || '.' || w.field));

create or replace function registry.search(wanted jsonb) returns table (kind text, field text, id int4, value text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    for_names constant jsonb := wanted || jsonb_build_object('way', 'any', 'text', wanted ->> 'q', 'rows', wanted ->> 'most');
begin
    return query execute registry.search_query(case when wanted -> 'fields' ? 'terminal.name'
        then wanted || jsonb_build_object('named', registry.ids_named(for_names)) else wanted end);
end $$;

do $grants$
declare
    inner_ regprocedure;
begin
    for inner_ in select p.oid from pg_proc p where p.pronamespace = 'registry'::regnamespace and p.proname in
        ('seen', 'seen_by_both', 'terminal_conditions', 'holds', 'named', 'begins', 'ids_named', 'list_query', 'walked_clients', 'walked_from', 'terminal_list', 'search_query')
    loop
        execute format('revoke all on function %s from public', inner_);
    end loop;
end $grants$;
grant execute on function registry.list_terminals(jsonb), registry.search(jsonb) to muster_api, muster_jobs, muster_inspect;
