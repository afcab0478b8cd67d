-- Where a client stands: under which region, and below which client. Its row tells the present, intervals the past.
create or replace function registry.note_standpoint() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    -- Later than what a transaction that this one waited for wrote.
    moment timestamptz := case tg_op when 'INSERT' then new.created_at else clock_timestamp() end;
begin
    if tg_op = 'INSERT' or (old.region_code, old.level) <> (new.region_code, new.level) then
        update registry.supervision set valid_to = moment where group_client_id = new.id and valid_to is null;
        insert into registry.supervision (group_client_id, region_code, level, valid_from, moved_by)
        values (new.id, new.region_code, new.level, moment, registry.acting());
    end if;
    if tg_op = 'INSERT' or old.parent_id is distinct from new.parent_id then
        update registry.parentage set valid_to = moment where group_client_id = new.id and valid_to is null;
        insert into registry.parentage (group_client_id, parent_id, valid_from, moved_by)
        values (new.id, new.parent_id, moment, registry.acting());
    end if;
    return null;
end $$;
create or replace trigger note_standpoint after insert or update of region_code, level, parent_id on registry.group_client
    for each row execute function registry.note_standpoint();

-- A client that moves takes all below it along. One moves at a time: two that moved below each other at once would
-- each see the tree as it was. Nobody is put below a client while its ancestors change.
create or replace function registry.move_lineage() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    lock table registry.group_client_lineage in share row exclusive mode;
    if exists (select from registry.group_client_lineage l where l.ancestor_id = new.id and l.group_client_id = new.parent_id) then
        raise exception 'A client cannot be below itself.' using errcode = 'check_violation', constraint = 'client_is_not_below_itself';
    end if;
    delete from registry.group_client_lineage above
    using registry.group_client_lineage below, registry.group_client_lineage own
    where below.ancestor_id = new.id and own.group_client_id = new.id and own.ancestor_id <> new.id
        and above.ancestor_id = own.ancestor_id and above.group_client_id = below.group_client_id;
    insert into registry.group_client_lineage (ancestor_id, group_client_id)
    select above.ancestor_id, below.group_client_id
    from registry.group_client_lineage above, registry.group_client_lineage below
    where above.group_client_id = new.parent_id and below.ancestor_id = new.id;
    return null;
end $$;
create or replace trigger client_is_not_below_itself after update of parent_id on registry.group_client
    for each row when (old.parent_id is distinct from new.parent_id) execute function registry.move_lineage();

do $policies$
declare
    relation text;
    rule constant text := '(select registry.scope_everything()) or group_client_id in (select registry.visible_group_clients())';
begin
    foreach relation in array array['supervision', 'parentage'] loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I for select to muster_api, muster_reader using (%s)', relation, rule);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_inspect using (true)', relation);
    end loop;
end
$policies$;
grant select on registry.supervision, registry.parentage to muster_api, muster_inspect;
