-- What people may read of telemetry: owned by a role that is itself under the policies. What was reaches as far back as the tier
-- of whose people ask; what is, such as the newest values, does not get too old.
drop view if exists visible.event, visible.latest, visible.quarantine;
create view visible.event with (security_barrier) as
select e.time, e.terminal_id, o.terminal_code as terminal, e.delay_seconds, e.code, e.severity, e.text, e.data, e.digest
from telemetry.event e join registry.ownership o on o.terminal_id = e.terminal_id
    and e.time >= o.valid_from and (o.valid_to is null or e.time < o.valid_to)
where e.time >= (select registry.scope_history_from());

create view visible.latest with (security_barrier) as
select l.terminal_id, o.terminal_code as terminal, l.metric, l.time, l.number, l.text
from telemetry.latest l join registry.ownership o on o.terminal_id = l.terminal_id
    and l.time >= o.valid_from and (o.valid_to is null or l.time < o.valid_to);

-- A refused message belongs to the owner of the moment it came; what names no terminal, or tells of
-- another owner's time, is for who sees everything. Whether the same bytes came again in the time of
-- another owner is that owner's: a former one is told of the first time only.
create view visible.quarantine with (security_barrier) as
select q.id, q.received_at, case when k.own then q.last_received_at else q.received_at end as last_received_at,
    case when k.own then q.count else 1 end as count, q.bridge, q.topic, q.terminal_id,
    o.terminal_code as terminal, q.reason, q.detail, q.payload, q.payload_bytes, q.resolved_at
from telemetry.quarantine q join registry.ownership o on o.terminal_id = q.terminal_id
    and q.received_at >= o.valid_from and (o.valid_to is null or q.received_at < o.valid_to)
cross join lateral (select o.valid_to is null or q.last_received_at < o.valid_to or (select registry.scope_everything()) as own) k
where (q.reason <> 'other_owner' or (select registry.scope_everything()))
    and case when k.own then q.last_received_at else q.received_at end >= (select registry.scope_history_from())
union all
select q.id, q.received_at, q.last_received_at, q.count, q.bridge, q.topic, null, null, q.reason, q.detail, q.payload, q.payload_bytes, q.resolved_at
from telemetry.quarantine q
where q.terminal_id is null and (select registry.scope_everything());

alter view visible.event owner to muster_reader;
alter view visible.latest owner to muster_reader;
alter view visible.quarantine owner to muster_reader;
grant select on visible.event, visible.latest, visible.quarantine to muster_api, muster_inspect;
