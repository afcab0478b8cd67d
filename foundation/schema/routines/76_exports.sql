-- An export is its asker's, and of who sees everything.
do $policies$
declare
    relation text;
    rule text;
begin
    for relation, rule in values
        ('export', '(select registry.scope_everything()) or asked_by = (select registry.acting())'),
        ('export_part', 'export_id in (select e.id from registry.export e)'),
        ('export_stretch', 'export_id in (select e.id from registry.export e)')
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

grant select on registry.export to muster_api, muster_inspect;
grant select on registry.export_part to muster_api;
grant insert on registry.export to muster_api;
grant update (state, finished_at) on registry.export to muster_api;
grant select, insert, update, delete on registry.export, registry.export_part, registry.export_stretch to muster_jobs;

-- How many bytes all exports take, and how many exports and bytes the people of a client, or an account, had in 24 hours;
-- `at_work` are those that are not finished. What is asked for is counted when it is asked for, whatever becomes of it.
create or replace function registry.exports_of(client int4, account text, out kept int8, out at_work int8, out asked int8, out bytes int8)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select (select coalesce(sum(e.size_bytes), 0)::int8 from registry.export e where e.swept_at is null),
        count(*) filter (where m.state in ('queued', 'running')), count(*), coalesce(sum(m.size_bytes), 0)::int8
    from registry.export m
    where case when client is null then m.asked_by = account else m.group_client_id = client end
        and (m.asked_at > now() - interval '24 hours' or m.state in ('queued', 'running'));
end;

-- Whether who acts may still see all that a file holds.
create or replace function registry.export_is_visible(export_id bigint) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select registry.scope_everything() or not exists (
        select from registry.export_stretch s where s.export_id = export_is_visible.export_id
        and not exists (
            select from registry.ownership o where o.terminal_id = s.terminal_id
                and o.valid_from <= s.since and coalesce(o.valid_to, 'infinity') >= s.until
                and (o.group_client_id in (select registry.visible_group_clients())
                     or registry.terminal_is_in_region(o.terminal_id))));
end;

-- Who had what exported of whom, from when to when: one entry for each thing done of it.
create or replace function registry.tell_export(export_id bigint, deed text) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into registry.audit (tenant, actor, scope, action, outcome, request, source, keys, size, changes)
    select coalesce(e.group_client_id, 0), registry.acting(), registry.acting_scope(), 'export.' || tell_export.deed, 'done',
        nullif(current_setting('muster.request', true), ''), nullif(current_setting('muster.source', true), ''),
        array['export:' || e.id] || coalesce(array(select jsonb_array_elements_text(e.wanted -> 'terminals') limit 20), '{}'),
        greatest(e.terminals, 1),
        json_build_array(json_build_object('key', 'export:' || e.id, 'part', null, 'after', json_strip_nulls(json_build_object(
            'asked_by', e.asked_by, 'wanted', e.wanted, 'format', e.format, 'state', e.state, 'terminals', e.terminals, 'rows', e.rows,
            'bytes', e.size_bytes, 'file_sha256', encode(e.sha256, 'hex'), 'problem', e.problem))))
    from registry.export e
    where e.id = tell_export.export_id and tell_export.deed in ('ask', 'finish', 'fail', 'fetch', 'delete')
        and (registry.scope_everything() or e.asked_by = registry.acting());
end;

grant execute on function registry.exports_of(int4, text) to muster_api, muster_jobs;
grant execute on function registry.export_is_visible(bigint) to muster_api;
grant execute on function registry.tell_export(bigint, text) to muster_api, muster_jobs;

-- What somebody asked for is read as the API reads it, in their scope.
do $views$
declare
    shown text;
begin
    for shown in select p.code from registry.profile p loop
        execute format('grant select on visible.%I to muster_jobs', shown);
    end loop;
    grant select on visible.event to muster_jobs;
end
$views$;
