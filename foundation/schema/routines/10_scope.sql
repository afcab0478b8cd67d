-- Who is asking, from the settings of the transaction. No setting, no rows.
create or replace function registry.scope_everything() returns boolean
language sql stable parallel safe
return coalesce(current_setting('muster.everything', true), '') = 'on';

create or replace function registry.scope_region_low() returns int4
language sql stable parallel safe
return nullif(current_setting('muster.region_low', true), '')::int4;

create or replace function registry.scope_region_high() returns int4
language sql stable parallel safe
return nullif(current_setting('muster.region_high', true), '')::int4;

create or replace function registry.scope_group_clients() returns int4[]
language sql stable parallel safe
return coalesce(nullif(current_setting('muster.group_clients', true), '')::int4[], '{}'::int4[]);

-- Whether the asker reads client files: what the operator knows and thinks of a client is not the client's to see.
create or replace function registry.scope_reads_files() returns boolean
language sql stable parallel safe
return coalesce(current_setting('muster.reads_files', true), '') = 'on';

-- From when on the asker sees what was measured: people of a client as far back as its tier says, the operator's side everything.
create or replace function registry.scope_history_from() returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select case when registry.scope_everything() or registry.scope_reads_files() then '-infinity' else coalesce((
        select now() - make_interval(days => max(t.history_days))
        from registry.group_client c join registry.tier t on t.code = c.tier_code
        where c.id = any (registry.scope_group_clients())), '-infinity') end;
end;

-- Whether the jobs process works for Muster itself, and not for somebody who asked for an import.
create or replace function registry.acts_for_muster() returns boolean
language sql stable parallel safe
return coalesce(current_setting('muster.actor', true), '') !~ '^(user|key):';

-- The clients of the scope's client subtrees.
create or replace function registry.scoped_client_subtree() returns setof int4
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select l.group_client_id from registry.group_client_lineage l
    where l.ancestor_id = any (registry.scope_group_clients());
end;

-- The clients whose file and terminals a scope sees: client subtrees, and those supervised in a region.
-- Queries ask with the scope they were handed, the policies below with the transaction's: two locks.
create or replace function registry.group_clients_of(region_low int4, region_high int4, roots int4[]) returns setof int4
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select l.group_client_id from registry.group_client_lineage l where l.ancestor_id = any (roots)
    union
    select c.id from registry.group_client c where c.region_code between region_low and region_high;
end;

create or replace function registry.visible_group_clients() returns setof int4
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select registry.group_clients_of(
        registry.scope_region_low(), registry.scope_region_high(), registry.scope_group_clients());
end;

-- Whether a terminal is installed in the scope's region.
create or replace function registry.terminal_is_in_region(terminal_id int4) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from registry.terminal t where t.id = terminal_is_in_region.terminal_id
        and t.region_code between registry.scope_region_low() and registry.scope_region_high());
end;

-- Whether the scope sees a terminal as it is now.
create or replace function registry.terminal_is_visible(terminal_id int4) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from registry.terminal t where t.id = terminal_is_visible.terminal_id
        and (registry.scope_everything()
             or t.region_code between registry.scope_region_low() and registry.scope_region_high()
             or t.group_client_id in (select registry.visible_group_clients())));
end;

-- Whether the scope sees a terminal, and some moment between two instants (null: still): what came to
-- its end in another owner's time is that owner's past.
create or replace function registry.terminal_is_visible_between(terminal_id int4, since timestamptz, until timestamptz)
returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select registry.terminal_is_visible(terminal_id) and (until is null or exists (
        select from registry.ownership o where o.terminal_id = terminal_is_visible_between.terminal_id
        and o.valid_from < until and (o.valid_to is null or o.valid_to > since)
        and (registry.scope_everything()
             or o.group_client_id in (select registry.visible_group_clients())
             or registry.terminal_is_in_region(o.terminal_id))));
end;

-- The profiles that terminals had in a window, each terminal's in order of time, as far as the scope sees moments of
-- them: a former owner does not see the terminal's own row, and a new one not what it was before. Of many terminals at
-- once, since whose clients the scope sees is found once a call.
drop function if exists registry.profiles_in_window(int4, timestamptz, timestamptz);
create or replace function registry.profiles_in_window(wanted_terminal_ids int4[], window_start timestamptz, window_end timestamptz)
returns table (terminal_id int4, profile_id int4)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select p.terminal_id, p.profile_id from (
        select distinct on (i.terminal_id, i.profile_id) i.terminal_id, i.profile_id, i.valid_from
        from registry.terminal_profile i
        where i.terminal_id = any (wanted_terminal_ids)
            and i.valid_from < window_end and coalesce(i.valid_to, 'infinity') > window_start
            and exists (select from registry.ownership o where o.terminal_id = i.terminal_id
                and o.valid_from < least(coalesce(i.valid_to, 'infinity'), window_end)
                and coalesce(o.valid_to, 'infinity') > greatest(i.valid_from, window_start)
                and (registry.scope_everything()
                     or o.group_client_id in (select registry.visible_group_clients())
                     or registry.terminal_is_in_region(o.terminal_id)))
        order by i.terminal_id, i.profile_id, i.valid_from) p
    order by p.terminal_id, p.valid_from;
end;

-- One policy for the scoped roles on each relation, and one for those who serve everybody.
do $policies$
declare
    relation text;
    rule text;
    rules constant jsonb := jsonb_build_object(
        'group_client', $$(select registry.scope_everything())
            or region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
            or id in (select registry.scoped_client_subtree())$$,
        'terminal', $$(select registry.scope_everything())
            or region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
            or group_client_id in (select registry.visible_group_clients())$$,
        'sim', $$(select registry.scope_everything())
            or region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
            or group_client_id in (select registry.visible_group_clients())$$,
        'ownership', $$(select registry.scope_everything())
            or group_client_id in (select registry.visible_group_clients())
            or registry.terminal_is_in_region(terminal_id)$$,
        'terminal_profile', '(select registry.scope_everything()) or registry.terminal_is_visible_between(terminal_id, valid_from, valid_to)',
        'terminal_gateway', '(select registry.scope_everything()) or registry.terminal_is_visible_between(terminal_id, valid_from, valid_to)',
        'wire_name', '(select registry.scope_everything()) or registry.terminal_is_visible(terminal_id)',
        'hardware', '(select registry.scope_everything()) or registry.terminal_is_visible_between(terminal_id, valid_from, valid_to)',
        'installation', '(select registry.scope_everything()) or registry.terminal_is_visible_between(terminal_id, valid_from, valid_to)',
        'credential', '(select registry.scope_everything()) or registry.terminal_is_visible(terminal_id)',
        'refused_login', 'false',
        'group_client_lineage', 'false');
begin
    for relation, rule in select * from jsonb_each_text(rules) loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I to muster_api, muster_reader, muster_jobs using (%s) with check (%s)', relation, rule, rule);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_bridge, muster_inspect using (true)', relation);
        -- What somebody asked for is done in their scope, with their policies, wherever it is done.
        execute format('drop policy if exists muster on registry.%I', relation);
        execute format('create policy muster on registry.%I to muster_jobs using ((select registry.acts_for_muster()))', relation);
    end loop;
    -- Profiles are global to read and the headquarters' to define.
    foreach relation in array array['profile', 'profile_metric'] loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists readable on registry.%I', relation);
        execute format('create policy readable on registry.%I for select using (true)', relation);
        execute format('drop policy if exists headquarters on registry.%I', relation);
        execute format('create policy headquarters on registry.%I to muster_api using ((select registry.scope_everything())) with check ((select registry.scope_everything()))', relation);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner using (true)', relation);
    end loop;
end
$policies$;

-- What the policies and the filters of queries ask, whoever stands under them.
grant execute on function registry.scoped_client_subtree(), registry.group_clients_of(int4, int4, int4[]),
    registry.visible_group_clients(), registry.terminal_is_in_region(int4), registry.terminal_is_visible(int4),
    registry.terminal_is_visible_between(int4, timestamptz, timestamptz),
    registry.profiles_in_window(int4[], timestamptz, timestamptz), registry.scope_history_from()
    to muster_reader, muster_jobs, muster_api, muster_inspect;

revoke all on all tables in schema registry from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on registry.region, registry.industry, registry.tier, registry.profile, registry.profile_metric
    to muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on registry.group_client, registry.terminal, registry.terminal_profile, registry.terminal_gateway, registry.wire_name,
    registry.hardware, registry.sim, registry.installation, registry.ownership
    to muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant insert, update on registry.group_client, registry.terminal, registry.terminal_profile, registry.terminal_gateway, registry.wire_name,
    registry.hardware, registry.sim, registry.installation, registry.ownership,
    registry.profile, registry.profile_metric to muster_api;
grant delete on registry.wire_name to muster_api;
-- A verifier is written by the door and read only by who writes the broker's password file.
grant select (terminal_id, created_at, revoked_at), insert, update on registry.credential to muster_api;
grant select on registry.credential to muster_jobs;
grant select (terminal_id, created_at, revoked_at) on registry.credential to muster_inspect;
grant select on registry.change to muster_bridge, muster_jobs, muster_inspect;
grant delete on registry.change to muster_jobs;

-- Whether a terminal in that state may connect to the broker; an isolated one, to be heard.
create or replace function registry.may_connect(state text) returns boolean
language sql immutable parallel safe
return state in ('provisioned', 'testing', 'in_service', 'maintenance', 'isolated');

-- Who may connect to the broker, and with what password.
create or replace view registry.broker_login with (security_barrier) as
select t.code, c.verifier
from registry.credential c join registry.terminal t on t.id = c.terminal_id
where c.revoked_at is null and registry.may_connect(t.state);
revoke all on registry.broker_login from public;
grant select on registry.broker_login to muster_jobs;
