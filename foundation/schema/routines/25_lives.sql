-- Every move of a terminal's life is noted, whoever makes it and however.
create or replace function registry.note_moves() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into registry.terminal_move (terminal_id, from_state, to_state, reason, actor)
    select n.id, o.state, n.state, n.state_reason, registry.acting()
    from changed n join former o on o.id = n.id where n.state <> o.state order by n.id;
    return null;
end $$;
create or replace trigger note_moves after update on registry.terminal
    referencing old table as former new table as changed for each statement execute function registry.note_moves();

-- Gateways stand one deep: none is behind another, so that no chain can loop; and none is retired. The
-- gateways are held first, so that of two changes that do not go together the later one sees the other.
create or replace function registry.check_gateways() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform from registry.terminal g where g.id in (
        select n.gateway_id from changed n join former o on o.id = n.id where n.gateway_id is distinct from o.gateway_id)
    order by g.id for no key update;
    if exists (
        select from changed n join former o on o.id = n.id
        where n.gateway_id is distinct from o.gateway_id and n.gateway_id is not null and (
            exists (select from registry.terminal b where b.gateway_id = n.id)
            or exists (select from registry.terminal g where g.id = n.gateway_id and (g.gateway_id is not null or g.state = 'retired')))) then
        raise exception 'A gateway is behind no other, and in use.'
            using errcode = 'exclusion_violation', constraint = 'gateways_stand_one_deep';
    end if;
    return null;
end $$;
create or replace trigger gateways_stand_one_deep after update on registry.terminal
    referencing old table as former new table as changed for each statement execute function registry.check_gateways();

create or replace function registry.check_left_gateways() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from changed n join former o on o.id = n.id
        where n.state = 'retired' and o.state <> 'retired' and exists (select from registry.terminal b where b.gateway_id = n.id)) then
        raise exception 'Terminals are behind this gateway.'
            using errcode = 'exclusion_violation', constraint = 'gateway_is_left_before_it_is_retired';
    end if;
    return null;
end $$;
create or replace trigger gateway_is_left_before_it_is_retired after update on registry.terminal
    referencing old table as former new table as changed for each statement execute function registry.check_left_gateways();

-- The state in which a terminal was isolated, to which it returns; testing, where nobody noted one.
create or replace function registry.state_before_isolation(terminal_id int4) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select coalesce((select m.from_state from registry.terminal_move m
        where m.terminal_id = state_before_isolation.terminal_id and m.to_state = 'isolated' order by m.id desc limit 1), 'testing');
end;

-- Isolate terminals as the process that noticed why; returns those that were let in until now.
create or replace function registry.isolate_terminals(terminal_ids int4[], reason text) returns setof int4
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.terminal t set state = 'isolated', state_reason = isolate_terminals.reason, state_since = now(), version = t.version + 1
    where t.id = any (terminal_ids) and t.state in ('provisioned', 'testing', 'in_service', 'maintenance')
    returning t.id;
end;

-- Whether a scope saw some moment of a terminal between two instants (null: still): what queries of its
-- history ask with the scope they were handed.
create or replace function registry.moment_is_of(terminal_id int4, since timestamptz, until timestamptz, everything boolean,
    region_low int4, region_high int4, roots int4[]) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select everything or exists (
        select from registry.ownership o join registry.terminal t on t.id = o.terminal_id
        where o.terminal_id = moment_is_of.terminal_id
        and o.valid_from < coalesce(until, 'infinity') and coalesce(o.valid_to, 'infinity') > since
        and (t.region_code between region_low and region_high
             or o.group_client_id in (select registry.group_clients_of(region_low, region_high, roots))));
end;

-- Whether the scope sees a collection.
create or replace function registry.collection_is_visible(collection_id int4) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from registry.collection c where c.id = collection_is_visible.collection_id
        and (registry.scope_everything()
             or c.region_code between registry.scope_region_low() and registry.scope_region_high()
             or c.group_client_id in (select registry.visible_group_clients())));
end;

do $policies$
declare
    relation text;
    rule text;
    rules constant jsonb := jsonb_build_object(
        'terminal_move', $$(select registry.scope_everything())
            or registry.terminal_is_visible_between(terminal_id, at, at + interval '1 microsecond')$$,
        'collection', $$(select registry.scope_everything())
            or region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
            or group_client_id in (select registry.visible_group_clients())$$,
        'collection_member', $$(select registry.scope_everything())
            or registry.collection_is_visible(collection_id) and registry.terminal_is_visible(terminal_id)$$);
begin
    for relation, rule in select * from jsonb_each_text(rules) loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I to muster_api, muster_reader using (%s) with check (%s)', relation, rule, rule);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_bridge, muster_jobs, muster_inspect using (true)', relation);
    end loop;
end
$policies$;
grant select on registry.terminal_move, registry.collection, registry.collection_member to muster_reader, muster_jobs, muster_api, muster_inspect;
grant insert, update, delete on registry.collection to muster_api;
grant insert, delete on registry.collection_member to muster_api;
grant execute on function registry.state_before_isolation(int4),
    registry.moment_is_of(int4, timestamptz, timestamptz, boolean, int4, int4, int4[]) to muster_api;
grant execute on function registry.collection_is_visible(int4) to muster_reader, muster_jobs, muster_api, muster_inspect;
grant execute on function registry.isolate_terminals(int4[], text) to muster_bridge, muster_jobs;
