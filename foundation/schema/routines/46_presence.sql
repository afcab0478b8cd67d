revoke all on telemetry.presence, telemetry.presence_change, telemetry.presence_clock
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.presence, telemetry.presence_change, telemetry.presence_clock to muster_reader, muster_jobs, muster_inspect;
grant insert, update on telemetry.presence to muster_jobs;
grant insert on telemetry.presence_change to muster_jobs;
grant update on telemetry.presence_clock to muster_jobs;

-- Presence as its owner of now may know it: nothing of an earlier owner's time.
drop view if exists visible.presence, visible.presence_change, visible.presence_clock;
create view visible.presence with (security_barrier) as
select p.terminal_id, t.code as terminal,
    case when p.data_at >= t.owner_since then p.data_at end as data_at,
    case when p.data_at >= t.owner_since then p.silent_since end as silent_since,
    case when (select sessions_known_since from telemetry.presence_clock) is null
            or greatest(p.session_since, case when p.session_up then p.data_at end) >= (select sessions_known_since from telemetry.presence_clock)
        then p.session_up end as session_up,
    case when (select sessions_known_since from telemetry.presence_clock) is null
            or greatest(p.session_since, case when p.session_up then p.data_at end) >= (select sessions_known_since from telemetry.presence_clock)
        then case when p.session_since < t.owner_since then t.owner_since else p.session_since end end as session_since
from telemetry.presence p join registry.terminal t on t.id = p.terminal_id;

create view visible.presence_change with (security_barrier) as
select h.time, h.terminal_id, o.terminal_code as terminal, h.fact, h.present
from telemetry.presence_change h join registry.ownership o on o.terminal_id = h.terminal_id
    and h.time >= o.valid_from and (o.valid_to is null or h.time < o.valid_to)
where h.time >= (select registry.scope_history_from());

create view visible.presence_clock with (security_barrier) as
select as_of, listening_since, sessions_known_since from telemetry.presence_clock;

alter view visible.presence owner to muster_reader;
alter view visible.presence_change owner to muster_reader;
alter view visible.presence_clock owner to muster_reader;
grant select on visible.presence, visible.presence_change, visible.presence_clock to muster_api, muster_inspect;
grant select on visible.presence to muster_jobs;

drop function if exists telemetry.silent_terminals();

-- Forget changes before an instant: whole chunks.
create or replace function telemetry.forget_presence_changes(before timestamptz) returns int4
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select count(*)::int4 from public.drop_chunks('telemetry.presence_change', older_than => before) $$;
revoke all on function telemetry.forget_presence_changes(timestamptz) from public;
grant execute on function telemetry.forget_presence_changes(timestamptz) to muster_jobs;

-- Which terminals in service are silent, in the scope, the longest first: of a client's few they are looked at, of a region's many the silent.
create or replace function telemetry.longest_silent(most int4) returns table (terminal_id int4, silent_since timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    if registry.scope_everything() or registry.scope_region_low() <= registry.scope_region_high() then
        return query select p.terminal_id, p.silent_since from telemetry.presence p join registry.terminal t on t.id = p.terminal_id
            where p.silent_since is not null and p.data_at >= t.owner_since and t.state = 'in_service'
                and (registry.scope_everything() or t.region_code between registry.scope_region_low() and registry.scope_region_high()
                    or t.group_client_id in (select registry.visible_group_clients()))
            order by p.silent_since, p.terminal_id limit most;
    else
        return query select p.terminal_id, p.silent_since from registry.terminal t join telemetry.presence p on p.terminal_id = t.id
            where t.group_client_id = any (array(select registry.visible_group_clients()))
                and p.silent_since is not null and p.data_at >= t.owner_since and t.state = 'in_service'
            order by p.silent_since, p.terminal_id limit most;
    end if;
end $$;
revoke all on function telemetry.longest_silent(int4) from public;
grant execute on function telemetry.longest_silent(int4) to muster_api, muster_inspect;
