-- Whether a SIM is in a terminal now: a fact about the SIM, whoever may see the terminal.
create or replace function registry.sim_is_installed(sim_id int4) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from registry.installation i where i.sim_id = sim_is_installed.sim_id and i.valid_to is null);
end;
grant execute on function registry.sim_is_installed(int4) to muster_api, muster_jobs, muster_inspect;

-- What the verbs return of a SIM: its row with the codes that people know, as far as the asker sees them.
create or replace view registry.sim_card with (security_invoker) as
select s.id, s.iccid, s.imsi, s.msisdn, s.eid, s.state, s.reason, s.set_by, s.intended, s.pending_job, s.since, s.apn, s.plan,
    s.test_until, s.silent_until, s.period_until, s.activates_at, s.group_client_id, c.code as group_client_code,
    c.name as group_client_name, s.region_code, s.registered_at, s.version, registry.sim_is_installed(s.id) as installed,
    t.code as terminal_code, s.order_ref
from registry.sim s
left join registry.group_client c on c.id = s.group_client_id
left join lateral (
    select t.code from registry.installation i join registry.terminal t on t.id = i.terminal_id
    where i.sim_id = s.id and i.valid_to is null limit 1) t on true;
grant select on registry.sim_card to muster_api, muster_jobs, muster_inspect;

-- Every change of a state is a row of history, in its own transaction and whoever makes it.
create or replace function registry.note_sim_states() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into registry.sim_state_change (sim_id, at, from_state, to_state, set_by, actor, reason, group_client_id)
    select n.id, n.since, o.state, n.state, n.set_by, registry.acting(), n.reason, n.group_client_id
    from changed n join former o on o.id = n.id
    where n.state <> o.state
    order by n.id;
    return null;
end $$;
create or replace trigger note_sim_states after update on registry.sim
    referencing old table as former new table as changed
    for each statement execute function registry.note_sim_states();

-- What was said of a SIM while it was somebody else's is that one's to read: the history keeps it.
create or replace function registry.forget_reason() returns trigger
language plpgsql as $$
begin
    new.reason := null;
    return new;
end $$;
create or replace trigger forget_reason before update of group_client_id on registry.sim
    for each row when (old.group_client_id is distinct from new.group_client_id) execute function registry.forget_reason();

create or replace function registry.refuse_rewriting_of_sims() returns trigger
language plpgsql as $$
begin
    raise exception 'The history of a SIM is only ever added to.'
        using errcode = 'restrict_violation', constraint = 'sim_history_is_only_added_to';
end $$;
create or replace trigger no_rewriting before update or delete or truncate on registry.sim_state_change
    for each statement execute function registry.refuse_rewriting_of_sims();

-- A client sees what became of a SIM while it was the client's; a region, of the SIMs that are there now.
alter table registry.sim_state_change enable row level security, force row level security;
drop policy if exists scoped on registry.sim_state_change;
create policy scoped on registry.sim_state_change for select to muster_api, muster_reader using (
    (select registry.scope_everything())
    or group_client_id in (select registry.visible_group_clients())
    or exists (select from registry.sim s where s.id = sim_id
        and s.region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())));
drop policy if exists everybody on registry.sim_state_change;
create policy everybody on registry.sim_state_change to muster_owner, muster_jobs, muster_inspect using (true);

revoke all on registry.sim_state_change, registry.network, registry.number_range
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on registry.sim_state_change to muster_api, muster_jobs, muster_inspect;
grant select on registry.network, registry.number_range
    to muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
-- Periods end by themselves.
grant update (state, reason, set_by, intended, pending_job, since, version) on registry.sim to muster_jobs;

-- Whether an IMSI is not known for the home operator's, by its longest known prefix; where no network is known, none is.
create or replace function registry.is_abroad(imsi text) returns boolean
language sql stable
return imsi is not null and exists (select from registry.network) and not coalesce((
    select n.home from registry.network n where starts_with(is_abroad.imsi, n.prefix) order by length(n.prefix) desc limit 1), false);
