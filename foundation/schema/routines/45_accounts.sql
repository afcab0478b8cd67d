-- The numbers up to a bound of ranges: of a terminal that leaves out very many, the later ones have
-- to be sent again.
create or replace function telemetry.first_numbers(numbers int8multirange) returns int8multirange
language sql immutable parallel safe
return case when pg_column_size(numbers) < 2000 then numbers else
    (select range_agg(few.one) from (select one from unnest(numbers) one order by one limit 64) few) end;

-- Up to which number there is none missing; 0 when number 1 is.
create or replace function telemetry.last_without_gap(numbers int8multirange) returns int8
language sql immutable parallel safe
return coalesce((select upper(one) - 1 from unnest(numbers) one where one @> 1::int8), 0);

drop view if exists visible.gap, visible.completeness, visible.completeness_daily;

-- What is missing of a terminal while somebody owned it: what it gave up, and numbers that have not
-- come while later ones have. What everybody behind a broker may have lost is for everybody to know;
-- how much that was tells of others.
create view visible.gap with (security_barrier) as
select g.terminal_id, g.kind, greatest(g.begins_at, o.valid_from) as begins_at, g.ends_at, g.boot, g.first_seq, g.last_seq, g.messages
from telemetry.gap g join registry.ownership o on o.terminal_id = g.terminal_id
    and g.ends_at >= o.valid_from and (o.valid_to is null or g.ends_at < o.valid_to)
where g.ends_at >= (select registry.scope_history_from())
union all
select r.terminal_id, 'missing', null, r.kept_at, r.boot, lower(m.numbers), upper(m.numbers) - 1, upper(m.numbers) - lower(m.numbers)
from telemetry.receipt r join registry.ownership o on o.terminal_id = r.terminal_id
    and r.kept_at >= o.valid_from and (o.valid_to is null or r.kept_at < o.valid_to)
cross join lateral unnest(int8multirange(int8range(1, upper(r.numbers))) - r.numbers) m(numbers)
where r.kept_at >= (select registry.scope_history_from())
union all
select null, g.kind, g.begins_at, g.ends_at, null, null, null, case when (select registry.scope_everything()) then g.messages end
from telemetry.gap g
where g.terminal_id is null and g.ends_at >= (select registry.scope_history_from()) and ((select registry.scope_everything()) or (select registry.scope_region_low()) is not null
    or (select cardinality(registry.scope_group_clients())) > 0);

-- A day that a transfer cut is both sides', each with its own messages; unless it was put on record
-- later: then the day was counted as one, and is neither's.
create view visible.completeness with (security_barrier) as
select c.day, c.terminal_id, o.terminal_code as terminal, c.received, c.stored, c.duplicate, c.quarantined, c.late, c.bytes
from telemetry.completeness c join registry.ownership o on o.terminal_id = c.terminal_id and o.valid_from = c.owned_since
    and (o.valid_to is null or c.day < o.valid_to::date or c.day = o.valid_to::date and not o.ended_late)
where c.day >= (select (registry.scope_history_from() at time zone 'UTC')::date);

create view visible.completeness_daily with (security_barrier) as
select d.day, d.group_client_id, d.region_code, d.sector, d.received, d.stored, d.duplicate, d.quarantined, d.late, d.bytes
from telemetry.completeness_daily d
where d.day >= (select (registry.scope_history_from() at time zone 'UTC')::date) and ((select registry.scope_everything())
    or d.region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
    or d.group_client_id in (select registry.visible_group_clients()));

alter view visible.gap owner to muster_reader;
alter view visible.completeness owner to muster_reader;
alter view visible.completeness_daily owner to muster_reader;
grant select on visible.gap, visible.completeness, visible.completeness_daily to muster_api, muster_inspect;

revoke all on telemetry.receipt, telemetry.gap, telemetry.completeness, telemetry.completeness_daily
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.receipt, telemetry.gap, telemetry.completeness, telemetry.completeness_daily to muster_reader, muster_inspect, muster_jobs;
grant select, insert, update on telemetry.receipt to muster_bridge;
grant select, insert on telemetry.gap to muster_bridge;
grant delete on telemetry.receipt, telemetry.completeness_daily to muster_jobs;
grant insert, update on telemetry.completeness, telemetry.completeness_daily to muster_jobs;
