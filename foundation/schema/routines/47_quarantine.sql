revoke all on telemetry.quarantine_fault, telemetry.quarantine_limit, telemetry.replay, telemetry.replay_item
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.quarantine_fault, telemetry.replay, telemetry.replay_item to muster_reader, muster_inspect, muster_jobs;
grant select, insert, update on telemetry.quarantine_fault to muster_bridge;
grant select on telemetry.quarantine_limit to muster_bridge, muster_jobs, muster_inspect;
grant update on telemetry.quarantine_limit to muster_jobs;
grant select, update on telemetry.replay_item to muster_bridge;
grant delete on telemetry.quarantine, telemetry.quarantine_fault, telemetry.replay to muster_jobs;
grant insert on telemetry.replay_item to muster_api;

-- Storms of one owner's whole time; one that lasted through a transfer is for who sees everything.
drop view if exists visible.quarantine_fault, visible.replay_item, visible.replay;
create view visible.quarantine_fault with (security_barrier) as
select f.day, f.terminal_id, o.terminal_code as terminal, f.reason, f.first_at, f.last_at, f.messages, f.bytes, f.kept, f.topic, f.detail
from telemetry.quarantine_fault f join registry.ownership o on o.terminal_id = f.terminal_id
    and f.last_at >= o.valid_from and (o.valid_to is null or f.last_at < o.valid_to)
where f.reason <> 'other_owner' and f.first_at >= o.valid_from and f.last_at >= (select registry.scope_history_from())
    or (select registry.scope_everything())
union all
select f.day, null, null, f.reason, f.first_at, f.last_at, f.messages, f.bytes, f.kept, f.topic, f.detail
from telemetry.quarantine_fault f
where f.terminal_id < 0 and (select registry.scope_everything());

-- A replay is for who asked for it, and for who sees everything.
create view visible.replay with (security_barrier) as
select r.id, r.requested_at, r.requested_by from telemetry.replay r
where r.requested_by = current_setting('muster.actor', true) or (select registry.scope_everything());

create view visible.replay_item with (security_barrier) as
select i.replay_id, i.item_id, i.outcome, i.reason, i.detail, i.settled_at
from telemetry.replay_item i
where exists (select from telemetry.replay r where r.id = i.replay_id
    and (r.requested_by = current_setting('muster.actor', true) or (select registry.scope_everything())));

alter view visible.quarantine_fault owner to muster_reader;
alter view visible.replay owner to muster_reader;
alter view visible.replay_item owner to muster_reader;
grant select on visible.quarantine_fault, visible.replay, visible.replay_item to muster_api, muster_inspect;

-- A new, empty replay of who asks; its number.
create or replace function telemetry.open_replay() returns bigint
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into telemetry.replay (requested_by) values (current_setting('muster.actor')) returning id;
end;
revoke all on function telemetry.open_replay() from public;
grant execute on function telemetry.open_replay() to muster_api;
