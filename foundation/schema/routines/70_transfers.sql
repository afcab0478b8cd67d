-- A client as a side of a transfer, by number or code. The verbs never tell who asks by a code whether
-- there is a client behind it: codes of others are not for guessing at.
create or replace function registry.transfer_side(wanted_id int4, wanted_code text) returns table (id int4, code text, name text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select c.id, c.code, c.name from registry.group_client c where c.id = wanted_id
    union all
    select c.id, c.code, c.name from registry.group_client c where wanted_id is null and c.code = wanted_code;
end;

-- Who is a side of a transfer, or over one, learns who the other is; who only sees the region does not.
create or replace function registry.is_party(giving_id int4, receiving_id int4) returns boolean
language sql stable
return registry.scope_everything() or coalesce(giving_id in (select registry.visible_group_clients()), false)
    or coalesce(receiving_id in (select registry.visible_group_clients()), false);

-- A terminal can be in another transfer as soon as one has come to its end, whatever the end was.
create or replace function registry.close_transfer() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update registry.transfer_terminal set open = false where transfer_id = new.id;
    return null;
end $$;
create or replace trigger close_transfer after update on registry.transfer for each row
    when (old.ended_at is null and new.ended_at is not null) execute function registry.close_transfer();

-- What the former owner still had under way, or had put together, ends with its time, whoever ends that
-- and whatever they see. A transfer that is being carried out, or decided on, at this very moment finds
-- the new owner itself: it is not waited for. The collections of who is above the new owner, too, stay.
create or replace function registry.end_affairs_of_former_owner() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    ended int4[];
begin
    if not exists (select from changed n where n.valid_from <> '-infinity') then
        return null;
    end if;
    select array_agg(t.id) into ended from (
        select t.id from registry.transfer t
        where t.ended_at is null and t.id in (
            select x.transfer_id from changed n join registry.transfer_terminal x on x.terminal_id = n.terminal_id and x.open)
        for update skip locked) t;
    if ended is not null then
        update registry.transfer set state = 'failed', ended_at = now(), end_reason = 'owner_changed', version = version + 1
        where id = any (ended);
        insert into registry.transfer_step (transfer_id, act, actor) select unnest(ended), 'failed', registry.acting();
    end if;
    update registry.binding_request r set state = 'expired', version = r.version + 1
    from changed n join registry.installation i on i.terminal_id = n.terminal_id and i.valid_to is null
    where r.sim_id = i.sim_id and r.state = 'open';
    delete from registry.collection_member m using changed n, registry.collection c
    where m.terminal_id = n.terminal_id and c.id = m.collection_id and c.group_client_id is not null
        and not exists (select from registry.group_client_lineage l
            where l.ancestor_id = c.group_client_id and l.group_client_id = n.group_client_id);
    return null;
end $$;
create or replace trigger end_affairs_of_former_owner after insert on registry.ownership referencing new table as changed
    for each statement execute function registry.end_affairs_of_former_owner();

do $policies$
declare
    relation text;
    rule text;
    of_its_transfer constant text := 'exists (select from registry.transfer t where t.id = transfer_id)';
begin
    for relation, rule in values
        ('transfer', $$registry.is_party(giving_id, receiving_id)
            or region_low >= (select registry.scope_region_low()) and region_high <= (select registry.scope_region_high())$$),
        ('transfer_terminal', of_its_transfer),
        ('transfer_step', $$(select registry.scope_everything()) or group_client_id in (select registry.visible_group_clients())
            or group_client_id is null and $$ || of_its_transfer)
    loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I to muster_api, muster_reader using (%s) with check (%s)', relation, rule, rule);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_jobs, muster_inspect using (true)', relation);
    end loop;
end
$policies$;
revoke all on registry.transfer, registry.transfer_terminal, registry.transfer_step
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on registry.transfer, registry.transfer_terminal, registry.transfer_step to muster_jobs, muster_api, muster_inspect;
grant insert on registry.transfer, registry.transfer_terminal, registry.transfer_step to muster_api;
grant update on registry.transfer to muster_api;
revoke all on function registry.transfer_side(int4, text) from public;
grant execute on function registry.transfer_side(int4, text) to muster_api;

-- What the jobs process needs to carry transfers out, and no more.
grant update (state, ended_at, end_reason, version) on registry.transfer to muster_jobs;
grant insert on registry.transfer_step, registry.ownership to muster_jobs;
grant update (valid_to, ended_late) on registry.ownership to muster_jobs;
grant update (group_client_id, owner_since, ownership_epoch, name, tags, latitude, longitude, state_reason, version)
    on registry.terminal to muster_jobs;
grant update (group_client_id, version) on registry.sim to muster_jobs;
grant update (revoked_at) on registry.credential to muster_jobs;

do $audited$
begin
    -- Of the operator, who sees both sides; a side reads its own steps, and what became of its terminals.
    perform registry.audit_changes('registry.transfer', 'r.id::text');
    perform registry.audit_changes('registry.transfer_step', 'r.transfer_id::text', part => 'r.act', owner => 'r.group_client_id');
    perform registry.audit_changes('registry.transfer_terminal', 'r.terminal_code', part => 'r.transfer_id', owner => 't.giving_id',
        joined => 'join registry.transfer t on t.id = r.transfer_id', noise => '{open}');
end
$audited$;
