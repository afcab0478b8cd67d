-- An instant of a Unix time in microseconds.
create or replace function telemetry.instant(unix_us int8) returns timestamptz
language sql immutable parallel safe strict
return 'epoch'::timestamptz + unix_us * interval '1 microsecond';

-- Whether the query of a collection finds a terminal, as both are now: every filter that it has, as `registry.terminal_conditions`.
create or replace function telemetry.query_finds(query jsonb, terminal registry.terminal) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select (not query ? 'prefix' or starts_with(terminal.code, query ->> 'prefix'))
        and (not query ? 'state' or terminal.state = query ->> 'state')
        and (not query ? 'tag' or terminal.tags @> array[query ->> 'tag'])
        and (not query ? 'region' or exists (
            select from registry.region g
            where g.code = (query ->> 'region')::int4 and terminal.region_code between g.code and g.last_code))
        and (not query ? 'group_client' or exists (
            select from registry.group_client c join registry.group_client_lineage l on l.ancestor_id = c.id
            where c.code = query ->> 'group_client' and l.group_client_id = terminal.group_client_id))
        and (not (query ? 'profile' or query ? 'sector') or exists (
            select from registry.profile p where p.id = terminal.profile_id
                and (not query ? 'profile' or p.code = query ->> 'profile') and (not query ? 'sector' or p.sector = query ->> 'sector')));
end;

-- Whether what is a client's or a region's, perhaps only of a collection or of one terminal, is of a terminal as it is now.
create or replace function telemetry.is_of(group_client_id int4, region_code int4, collection_id int4, terminal_id int4,
    terminal registry.terminal) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select (is_of.terminal_id is null or is_of.terminal_id = terminal.id)
        and (is_of.group_client_id is null or exists (
            select from registry.group_client_lineage l
            where l.ancestor_id = is_of.group_client_id and l.group_client_id = terminal.group_client_id))
        and (is_of.region_code is null or exists (
            select from registry.region g
            where g.code = is_of.region_code and terminal.region_code between g.code and g.last_code))
        and (is_of.collection_id is null or exists (
            select from registry.collection c
            where c.id = is_of.collection_id
                and (c.group_client_id is null or exists (
                    select from registry.group_client_lineage l
                    where l.ancestor_id = c.group_client_id and l.group_client_id = terminal.group_client_id))
                and case when c.query is not null then telemetry.query_finds(c.query, terminal) else exists (
                    select from registry.collection_member m
                    where m.collection_id = c.id and m.terminal_id = terminal.id) end));
end;

-- Whether a rule is of a terminal, as both are now: of its owner or region, and in service.
create or replace function telemetry.rule_is_of(rule telemetry.rule, terminal registry.terminal) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select terminal.state = 'in_service' and (rule.profile_id is null or rule.profile_id = terminal.profile_id)
        and telemetry.is_of(rule.group_client_id, rule.region_code, rule.collection_id, rule.terminal_id, terminal);
end;

-- Whether a schedule holds at an instant; a span that ends before it begins goes on into the next day.
create or replace function telemetry.acts_at(schedule jsonb, moment timestamptz) returns boolean
language sql stable
begin atomic
    select schedule is null or exists (
        select from jsonb_array_elements(schedule -> 'spans') s(span)
        cross join lateral (select moment at time zone (schedule ->> 'zone') as here) h
        cross join lateral (select span -> 'days' @> to_jsonb(extract(isodow from here)::int4) as today,
            span -> 'days' @> to_jsonb(extract(isodow from here - interval '1 day')::int4) as yesterday,
            here::time >= (span ->> 'begins')::time as begun, here::time < (span ->> 'ends')::time as before) n
        where case when (span ->> 'begins')::time < (span ->> 'ends')::time then n.today and n.begun and n.before
            else n.today and n.begun or n.yesterday and n.before end);
end;

-- The maintenance window that a terminal is in now, the last to end.
create or replace function telemetry.window_of(terminal registry.terminal) returns int4
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select w.id from telemetry.maintenance_window w
    where w.begins_at <= now() and w.ends_at > now()
        and telemetry.is_of(w.group_client_id, w.region_code, w.collection_id, w.terminal_id, terminal)
    order by w.ends_at desc limit 1;
end;
revoke all on function telemetry.query_finds(jsonb, registry.terminal), telemetry.is_of(int4, int4, int4, int4, registry.terminal),
    telemetry.window_of(registry.terminal) from public;
grant execute on function telemetry.query_finds(jsonb, registry.terminal), telemetry.window_of(registry.terminal) to muster_jobs;
grant execute on function telemetry.window_of(registry.terminal) to muster_api;

revoke all on function telemetry.rule_is_of(telemetry.rule, registry.terminal) from public;
grant execute on function telemetry.rule_is_of(telemetry.rule, registry.terminal) to muster_jobs;

-- The one rule that silence of a terminal is held against: the nearest. Of the terminal alone before a collection's, a client's
-- before a region's, that of the client itself before one above it, of the smallest region, of one profile before all.
create or replace function telemetry.silence_rule(missing text, terminal registry.terminal) returns int4
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select r.id from telemetry.rule r
    where r.enabled and r.by_time and r.criterion ->> 'kind' = 'silence' and r.criterion ->> 'of' = missing
        and (r.region_code is not null or r.group_client_id in (
            select l.ancestor_id from registry.group_client_lineage l where l.group_client_id = terminal.group_client_id))
        and telemetry.rule_is_of(r, terminal)
    order by r.terminal_id is null, r.collection_id is null, r.group_client_id is null,
        (select count(*) from registry.group_client_lineage l where l.group_client_id = r.group_client_id) desc,
        (select g.last_code - g.code from registry.region g where g.code = r.region_code), r.profile_id is null, r.id
    limit 1;
end;
revoke all on function telemetry.silence_rule(text, registry.terminal) from public;
grant execute on function telemetry.silence_rule(text, registry.terminal) to muster_jobs;

-- An alarm that begins in a maintenance window is quiet. The clock of one that is told begins when it is raised, or when it is
-- not quiet any more, and runs as the tier of the owner says. What is over already has none.
create or replace function telemetry.set_response_time() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        new.window_id := (select telemetry.window_of(t) from registry.terminal t where t.id = new.terminal_id);
        new.quiet := new.quiet or new.window_id is not null;
    end if;
    if not new.quiet and new.cleared_at is null and (tg_op = 'INSERT' or old.quiet) then
        new.respond_by := (select now() + make_interval(mins => s.alarm_response_minutes)
            from registry.group_client c join registry.tier s on s.code = c.tier_code where c.id = new.group_client_id);
    elsif new.quiet then
        new.respond_by := null;
    end if;
    return new;
end $$;
create or replace trigger set_response_time before insert or update of quiet on telemetry.alarm
    for each row execute function telemetry.set_response_time();

-- With its collection a rule or a window is gone: what the rule raised is over, and what the window kept quiet is told.
create or replace function telemetry.leave_alarms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_table_name = 'rule' then
        update telemetry.alarm a set cleared_at = greatest(now(), a.raised_at), cleared_because = 'rule'
        where a.rule_id = old.id and a.cleared_at is null;
    else
        update telemetry.alarm a set quiet = false
        where a.window_id = old.id and a.quiet and a.cleared_at is null
            and not exists (select from telemetry.alarm s where s.id = a.parent_id and s.cleared_at is null);
    end if;
    return old;
end $$;
create or replace trigger leave_alarms before delete on telemetry.rule for each row execute function telemetry.leave_alarms();
create or replace trigger leave_alarms before delete on telemetry.maintenance_window for each row execute function telemetry.leave_alarms();

-- The storms that gathered something of which the scope sees the alarm.
create or replace function telemetry.storms_seen() returns setof int8
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select a.id from telemetry.alarm a
    where a.shared is not null and (
        exists (select from telemetry.alarm c where c.parent_id = a.id
            and c.region_code between registry.scope_region_low() and registry.scope_region_high())
        or exists (select from telemetry.alarm c where c.parent_id = a.id and c.group_client_id in (select registry.visible_group_clients())));
end;
revoke all on function telemetry.storms_seen() from public;
grant execute on function telemetry.storms_seen() to muster_api, muster_reader;

do $policies$
declare
    owners constant text := '(select registry.scope_everything())
        or region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
        or group_client_id in (select registry.visible_group_clients())';
    relation text;
begin
    foreach relation in array array['rule', 'alarm', 'maintenance_window'] loop
        execute format('alter table telemetry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on telemetry.%I', relation);
        execute format('create policy scoped on telemetry.%I to muster_api, muster_reader using (%s) with check (%s)', relation, owners, owners);
        execute format('drop policy if exists everybody on telemetry.%I', relation);
        execute format('create policy everybody on telemetry.%I to muster_owner, muster_jobs, muster_inspect using (true)', relation);
    end loop;
    drop policy if exists of_many on telemetry.alarm;
    create policy of_many on telemetry.alarm for select to muster_api, muster_reader
        using (shared is not null and id in (select telemetry.storms_seen()));
    alter table telemetry.alarm_note enable row level security, force row level security;
    drop policy if exists scoped on telemetry.alarm_note;
    create policy scoped on telemetry.alarm_note to muster_api
        using (exists (select from telemetry.alarm a where a.id = alarm_id))
        with check (exists (select from telemetry.alarm a where a.id = alarm_id));
    drop policy if exists everybody on telemetry.alarm_note;
    create policy everybody on telemetry.alarm_note to muster_owner, muster_inspect using (true);
end
$policies$;
alter table telemetry.storm_threshold enable row level security, force row level security;
drop policy if exists same_for_all on telemetry.storm_threshold;
create policy same_for_all on telemetry.storm_threshold for select using (true);
drop policy if exists changed_by_all on telemetry.storm_threshold;
create policy changed_by_all on telemetry.storm_threshold to muster_api, muster_owner
    using ((select registry.scope_everything())) with check ((select registry.scope_everything()));
revoke all on telemetry.rule, telemetry.maintenance_window, telemetry.storm_threshold, telemetry.rule_standing, telemetry.alarm, telemetry.alarm_note
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.rule, telemetry.alarm to muster_api, muster_jobs, muster_inspect;
grant select on telemetry.storm_threshold to muster_api, muster_jobs, muster_inspect;
grant update on telemetry.storm_threshold to muster_api;
grant select on telemetry.maintenance_window to muster_api, muster_jobs, muster_inspect;
grant insert, update on telemetry.maintenance_window to muster_api;
grant select on telemetry.rule_standing to muster_jobs, muster_inspect;
grant select, insert on telemetry.alarm_note to muster_api;
grant select on telemetry.alarm_note to muster_inspect;
grant insert, update, delete on telemetry.rule_standing to muster_jobs;
grant insert, update on telemetry.rule to muster_api;
grant insert, update on telemetry.alarm to muster_jobs;
grant update (breached_at, acknowledged_at, acknowledged_by, assignee, shelved_until, cleared_at, cleared_because, cleared_by, version)
    on telemetry.alarm to muster_api;

do $audited$
begin
    perform registry.audit_changes('telemetry.rule', 'r.id::text', part => 'r.name', owner => 'r.group_client_id');
    perform registry.audit_changes('telemetry.storm_threshold', 'r.shared');
    perform registry.audit_changes('telemetry.maintenance_window', 'r.id::text', part => 'r.why', owner => 'r.group_client_id');
    -- What people do about alarms; what readings do is no news of that kind.
    perform registry.audit_changes('telemetry.alarm_note', 'coalesce(t.code, a.shared_key)', part => 'a.rule_name', owner => 'a.group_client_id',
        joined => 'join telemetry.alarm a on a.id = r.alarm_id left join registry.terminal t on t.id = a.terminal_id');
end
$audited$;
