-- Who serves whom. What a person sees: of account managers and agents the clients that they serve now, by time
-- alone; of all others what is on their list. It runs as its caller, and so under their policies.
create or replace function registry.reach_of_person(person text, role text, listed int4[]) returns int4[]
language sql stable
begin atomic
    select case when role in ('account_manager', 'agent') then array(
        select a.group_client_id from registry.assignment a
        where a.person = reach_of_person.person and a.role = reach_of_person.role
            and a.valid_from <= now() and (a.valid_to is null or a.valid_to > now())
        order by 1) else listed end;
end;

-- Who may serve: account managers and agents, and whether they can sign in.
create or replace function registry.people_who_serve() returns table (name text, role text, in_force boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.name, u.role, u.disabled_at is null from registry.user_account u where u.role in ('account_manager', 'agent');
end;

-- The role of one of them who is in force, held so that it stays theirs until the end of the transaction.
create or replace function registry.hold_person(wanted text) returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.role from registry.user_account u
    where u.name = wanted and u.disabled_at is null and u.role in ('account_manager', 'agent') for share;
end;
grant execute on function registry.people_who_serve(), registry.hold_person(text) to muster_api;

-- A client has one account manager and at most one agent at a time, and, once it has one, an account manager at
-- every moment.
create or replace function registry.check_assignment() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    looked_at registry.assignment := coalesce(new, old);
    rule text;
begin
    select case when next_from is not null and (valid_to is null or valid_to > next_from) then 'one_serves_at_a_time'
        else 'clients_keep_an_account_manager' end into rule
    from (select a.role, a.valid_to, lead(a.valid_from) over (order by a.valid_from) as next_from from registry.assignment a
        where a.group_client_id = looked_at.group_client_id and a.role = looked_at.role) t
    where next_from is not null and (valid_to is null or valid_to > next_from)
        or role = 'account_manager' and valid_to is distinct from next_from
    limit 1;
    if rule is not null then
        raise exception 'A client has one who serves it at each moment.' using errcode = 'exclusion_violation', constraint = rule;
    end if;
    return null;
end $$;
drop trigger if exists clients_keep_an_account_manager on registry.assignment;
create constraint trigger clients_keep_an_account_manager after insert or update or delete on registry.assignment
    deferrable initially deferred for each row execute function registry.check_assignment();

-- What was served is not changed: an interval is ended once, and only what lies ahead is called off; but the undo of an
-- import takes back what that began, as if it had never been.
create or replace function registry.keep_served_time() returns trigger
language plpgsql as $$
declare
    taken_back constant boolean := session_user = 'muster_jobs' and coalesce(current_setting('muster.import', true), '') like '%.undo';
begin
    if tg_op = 'DELETE' and (old.valid_from > now() or taken_back) then
        return old;
    end if;
    if tg_op = 'UPDATE' and (old.valid_to is null or old.valid_to > now() or taken_back)
        and (new.id, new.group_client_id, new.role, new.person, new.valid_from, new.note, new.assigned_at, new.assigned_by)
            is not distinct from (old.id, old.group_client_id, old.role, old.person, old.valid_from, old.note, old.assigned_at, old.assigned_by)
    then
        return new;
    end if;
    raise exception 'What was served is not changed.' using errcode = 'restrict_violation', constraint = 'served_time_is_kept';
end $$;
create or replace trigger served_time_is_kept before update or delete on registry.assignment
    for each row execute function registry.keep_served_time();

alter table registry.assignment enable row level security, force row level security;
drop policy if exists scoped on registry.assignment;
create policy scoped on registry.assignment to muster_api, muster_reader, muster_jobs
    using ((select registry.scope_everything()) or group_client_id in (select registry.visible_group_clients()))
    with check ((select registry.scope_everything()) or group_client_id in (select registry.visible_group_clients()));
drop policy if exists everybody on registry.assignment;
create policy everybody on registry.assignment to muster_owner, muster_inspect using (true);
drop policy if exists muster on registry.assignment;
create policy muster on registry.assignment to muster_jobs using ((select registry.acts_for_muster()));
grant select on registry.assignment to muster_api, muster_reader, muster_jobs, muster_inspect;
grant insert, update (valid_to, ended_by, end_note), delete on registry.assignment to muster_api;
