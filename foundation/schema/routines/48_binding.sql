-- A client sees how its SIMs are bound now, and what was asked while they were its own; what was before is the
-- operator's, for it may be of another client's time. Whether a SIM is seen is asked under its own policy, as one
-- look-up of its key: a function would be called, and ask for the scope's clients, for each row of a list.
do $policies$
declare
    relation text;
    rule text;
    rules constant jsonb := jsonb_build_object(
        'binding', $$(select registry.scope_everything()) or (select true from registry.sim s where s.id = sim_id)
            and (valid_to is null or (select registry.scope_group_clients()) = '{}')$$,
        'binding_request', $$(select registry.scope_everything()) or (select true from registry.sim s where s.id = sim_id)
            and ((select registry.scope_group_clients()) = '{}' or group_client_id in (select registry.visible_group_clients()))$$);
begin
    for relation, rule in select * from jsonb_each_text(rules) loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I to muster_api, muster_reader, muster_jobs using (%s) with check (%s)', relation, rule, rule);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_bridge, muster_inspect using (true)', relation);
        execute format('drop policy if exists muster on registry.%I', relation);
        execute format('create policy muster on registry.%I to muster_jobs using ((select registry.acts_for_muster()))', relation);
    end loop;
end
$policies$;
drop function if exists registry.sim_is_visible(int4);
revoke all on registry.binding, registry.binding_request from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on registry.binding, registry.binding_request to muster_reader, muster_jobs, muster_api, muster_inspect;
grant select on registry.binding to muster_bridge;
-- Whoever sets a rule ends the one before; the verdict is nobody's to say.
grant insert (sim_id, mode, imeis, tacs, action, reason, set_by, valid_from, version), update (valid_to) on registry.binding to muster_api;
grant insert, update on registry.binding_request to muster_api;

-- What the verbs return of a binding: the rule that holds, or held, with the codes that people know, as far as the
-- asker sees them.
create or replace view registry.binding_card with (security_invoker) as
select b.id, b.sim_id, s.iccid, b.mode, b.imeis, b.tacs, b.action, b.reason, b.set_by, b.valid_from, b.valid_to, b.version,
    b.first_imei, b.verdict, b.verdict_since, b.violation, w.code as witness, b.heard_at, b.heard_imei, b.heard_iccid, b.heard_imsi,
    s.region_code, s.group_client_id, c.code as group_client_code, c.name as group_client_name, t.code as terminal_code
from registry.binding b
join registry.sim s on s.id = b.sim_id
left join registry.group_client c on c.id = s.group_client_id
left join registry.terminal w on w.id = b.witness_id
left join lateral (
    select t.code from registry.installation i join registry.terminal t on t.id = i.terminal_id
    where i.sim_id = s.id and i.valid_to is null limit 1) t on true;
grant select on registry.binding_card to muster_api, muster_jobs, muster_inspect;

-- A SIM has one binding at a time, and what was a rule stays on record as it was.
create or replace function registry.check_bindings() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from changed n join registry.binding o on o.sim_id = n.sim_id and o.id <> n.id
        and o.valid_from < coalesce(n.valid_to, 'infinity') and coalesce(o.valid_to, 'infinity') > n.valid_from) then
        raise exception 'Intervals of one SIM''s bindings overlap.'
            using errcode = 'exclusion_violation', constraint = 'one_binding_at_a_time';
    end if;
    return null;
end $$;
create or replace trigger one_binding_at_a_time_insert after insert on registry.binding
    referencing new table as changed for each statement execute function registry.check_bindings();
create or replace trigger one_binding_at_a_time_update after update on registry.binding
    referencing new table as changed for each statement execute function registry.check_bindings();

create or replace function registry.keep_bindings() returns trigger
language plpgsql as $$
begin
    raise exception 'What was a rule stays on record as it was.'
        using errcode = 'restrict_violation', constraint = 'binding_is_never_rewritten';
end $$;
create or replace trigger binding_is_never_rewritten before update on registry.binding
    for each row when (old.valid_to is not null
        or (new.sim_id, new.mode, new.imeis, new.tacs, new.action, new.reason, new.set_by, new.valid_from, new.version)
            is distinct from (old.sim_id, old.mode, old.imeis, old.tacs, old.action, old.reason, old.set_by, old.valid_from, old.version))
    execute function registry.keep_bindings();
create or replace trigger binding_is_never_deleted before delete on registry.binding
    for each row execute function registry.keep_bindings();

-- What a terminal said last is its owner's who owned it then.
revoke all on telemetry.identity from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.identity to muster_reader, muster_jobs, muster_inspect, muster_bridge;
drop view if exists visible.identity;
create view visible.identity with (security_barrier) as
select i.terminal_id, o.terminal_code as terminal, i.imei, i.iccid, i.imsi, i.apn, i.firmware, i.model, i.boot, i.heard_at, i.started_at
from telemetry.identity i join registry.ownership o on o.terminal_id = i.terminal_id
    and i.heard_at >= o.valid_from and (o.valid_to is null or i.heard_at < o.valid_to);
alter view visible.identity owner to muster_reader;
grant select on visible.identity to muster_api, muster_inspect;
