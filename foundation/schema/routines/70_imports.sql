-- Who sees a job or an import: who asked for it, and whoever's region covers the asker's.
do $policies$
declare
    relation text;
    rule text;
    whose constant text := $$(select registry.scope_everything()) or asked_by = (select registry.acting())
        or region_low >= (select registry.scope_region_low()) and region_high <= (select registry.scope_region_high())$$;
    of_an_import constant text := 'import_id in (select i.id from registry.import i)';
begin
    for relation, rule in values
        ('job', whose), ('import', whose), ('import_part', of_an_import), ('import_row', of_an_import),
        ('import_finding', of_an_import), ('import_made', of_an_import), ('import_link', of_an_import), ('import_tally', 'false'),
        -- Nobody else's: not even who sees everything is handed the passwords that somebody asked for.
        ('import_secret', 'import_id in (select i.id from registry.import i where i.asked_by = (select registry.acting()))')
    loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I to muster_api, muster_reader, muster_jobs using (%s) with check (%s)', relation, rule, rule);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_inspect using (true)', relation);
        execute format('drop policy if exists muster on registry.%I', relation);
        execute format('create policy muster on registry.%I to muster_jobs using ((select registry.acts_for_muster()))', relation);
    end loop;
end
$policies$;

grant select on registry.job, registry.import, registry.import_row, registry.import_finding, registry.import_made
    to muster_api, muster_inspect;
grant insert, update on registry.job, registry.import to muster_api;
grant insert on registry.import_part to muster_api;
-- Passwords are handed out once: what was read is taken away in the same transaction.
grant select, delete on registry.import_secret to muster_api;
grant select, insert, update, delete on registry.job, registry.import, registry.import_part, registry.import_row, registry.import_finding,
    registry.import_made, registry.import_secret, registry.import_link, registry.import_tally to muster_jobs;
grant select on registry.import_link, registry.import_tally to muster_inspect;
-- What an import puts on the roll and its undo takes off it, under the policies of who asked.
grant insert, delete on registry.terminal, registry.terminal_profile, registry.terminal_gateway, registry.wire_name, registry.hardware,
    registry.sim, registry.installation, registry.ownership, registry.credential to muster_jobs;
grant update (gateway_id) on registry.terminal to muster_jobs;
grant update (group_client_id, version) on registry.sim to muster_jobs;

-- Rules are set in the asker's scope; that none is deleted, its own trigger sees to.
grant insert (sim_id, mode, imeis, tacs, action, reason, set_by, valid_from, version), update (valid_to) on registry.binding to muster_jobs;

-- Whether an account may still do what it asked for, and what it sees: user:NAME or key:PREFIX.
create or replace function registry.account_in_force(account text)
returns table (role text, region_low int4, region_high int4, group_client_ids int4[])
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select a.role, r.code, r.last_code, a.group_client_ids
    from (
        select u.role, u.region_code, registry.reach_of_person(u.name, u.role, u.group_client_ids) as group_client_ids from registry.user_account u
        where 'user:' || u.name = account and u.disabled_at is null
        union all
        select k.role, k.region_code, k.group_client_ids from registry.api_key k
        where 'key:' || k.prefix = account and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())) a
    left join registry.region r on r.code = a.region_code;
end;
revoke all on function registry.account_in_force(text) from public;
grant execute on function registry.account_in_force(text) to muster_jobs;

-- Which of these are on the roll, whoever's they are: that something is taken is all that is told.
create or replace function registry.taken(what text, given text[]) returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select t.code from registry.terminal t where what = 'code' and t.code = any (given)
    union all select h.imei from registry.hardware h where what = 'imei' and h.imei = any (given) and h.valid_to is null
    union all select s.iccid from registry.sim s where what = 'iccid' and s.iccid = any (given)
    union all select s.imsi from registry.sim s where what = 'imsi' and s.imsi = any (given)
    union all select s.msisdn from registry.sim s where what = 'msisdn' and s.msisdn = any (given)
    union all select c.code from registry.group_client c where what = 'group_client' and c.code = any (given)
    union all select c.credit_code from registry.group_client c where what = 'credit_code' and c.credit_code = any (given)
    union all select w.kind || ':' || w.value || '@' || coalesce(w.gateway_id, 0) from registry.wire_name w
        where what = 'wire_name' and (w.kind, w.value) in (
            select split_part(g, ':', 1), split_part(split_part(g, ':', 2), '@', 1) from unnest(given) g);
end;
revoke all on function registry.taken(text, text[]) from public;
grant execute on function registry.taken(text, text[]) to muster_jobs;

-- The rows of a file of each kind, by the names of their columns (`registry/imports/terminals.py` and its like).
create or replace view registry.imported_terminal with (security_invoker) as
select r.import_id, r.row, r.cells[1] as code, r.cells[2] as name, r.cells[3] as profile, r.cells[4] as group_client, r.cells[5]::int4 as region,
    r.cells[6] as state, r.cells[7] as imei, r.cells[8] as iccid, r.cells[9] as imsi, r.cells[10] as msisdn,
    string_to_array(r.cells[11], ' ') as tags, r.cells[12]::float8 as latitude, r.cells[13]::float8 as longitude,
    string_to_array(r.cells[14], ' ') as wire_names, r.cells[15] as gateway, r.cells[16] as order_ref, r.cells[17] as credential
from registry.import_row r;
create or replace view registry.imported_sim with (security_invoker) as
select r.import_id, r.row, r.cells[1] as iccid, r.cells[2] as imsi, r.cells[3] as msisdn, r.cells[4] as eid, r.cells[5]::int4 as region,
    r.cells[6] as group_client, r.cells[7] as state, r.cells[8] as apn, r.cells[9] as plan, r.cells[10]::timestamptz as test_until,
    r.cells[11]::timestamptz as silent_until, r.cells[12] as order_ref
from registry.import_row r;
create or replace view registry.imported_binding with (security_invoker) as
select r.import_id, r.row, r.cells[1] as iccid, r.cells[2] as mode, coalesce(string_to_array(r.cells[3], ' '), '{}') as imeis,
    coalesce(string_to_array(r.cells[4], ' '), '{}') as tacs, r.cells[5] as action, r.cells[6] as reason
from registry.import_row r;
grant select on registry.imported_terminal, registry.imported_sim, registry.imported_binding to muster_jobs;

-- An import (or its undo) as one link of each owner's chain, and of the operator's: how many rows, the hash
-- over them, the hash of the file, and how many changes of each kind the database saw.
create or replace function registry.tell_import(import_id bigint, deed text) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into registry.audit (tenant, actor, scope, action, outcome, keys, size, changes)
    select o.tenant, registry.acting(), registry.acting_scope(), 'import.' || tell_import.deed, 'done',
        array_remove(array['import:' || i.id, i.order_ref], null), o.rows,
        json_build_array(json_build_object('key', 'import:' || i.id, 'part', i.order_ref, 'after', json_strip_nulls(json_build_object(
            'kind', i.kind, 'file', i.name, 'file_sha256', encode(i.sha256, 'hex'), 'rows', o.rows,
            'rows_sha256', encode(o.hash, 'hex'),
            'changes', case when o.tenant = 0 then (select json_object_agg(t.action, t.rows order by t.action)
                from registry.import_tally t where t.import_id = i.id and t.deed = tell_import.deed) end))))
    from registry.import i
    cross join lateral (
        select k.tenant, k.rows, k.hash from registry.import_link k where k.import_id = i.id and k.deed = tell_import.deed
        union all
        select 0, 0, null where not exists (select from registry.import_link k
            where k.import_id = i.id and k.deed = tell_import.deed and k.tenant = 0)) o
    where i.id = tell_import.import_id;
end;
revoke all on function registry.tell_import(bigint, text) from public;
grant execute on function registry.tell_import(bigint, text) to muster_jobs;

-- What somebody asked of an import they see: before its job, which tells what came of it.
create or replace function registry.tell_import_asked(import_id bigint, deed text) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into registry.audit (tenant, actor, scope, action, outcome, request, source, keys, size, changes)
    select 0, registry.acting(), registry.acting_scope(), 'import.' || tell_import_asked.deed, 'done',
        nullif(current_setting('muster.request', true), ''), nullif(current_setting('muster.source', true), ''),
        array_remove(array['import:' || i.id, i.order_ref], null), case tell_import_asked.deed when 'passwords' then i.created else 1 end,
        json_build_array(json_build_object('key', 'import:' || i.id, 'part', i.order_ref, 'after', json_build_object(
            'kind', i.kind, 'file', i.name, 'file_sha256', encode(i.sha256, 'hex'), 'state', i.state)))
    from registry.import i
    where i.id = tell_import_asked.import_id and tell_import_asked.deed in ('send', 'ask_apply', 'ask_undo', 'cancel', 'passwords')
        and (tell_import_asked.deed <> 'passwords' or i.asked_by = registry.acting());
end;
revoke all on function registry.tell_import_asked(bigint, text) from public;
grant execute on function registry.tell_import_asked(bigint, text) to muster_api;
