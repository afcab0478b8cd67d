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

revoke all on telemetry.receipt, telemetry.gap, telemetry.completeness
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.gap, telemetry.completeness to muster_reader;
grant select on telemetry.receipt, telemetry.gap, telemetry.completeness to muster_inspect, muster_jobs;
grant select, insert, update on telemetry.receipt to muster_bridge;
grant select, insert on telemetry.gap to muster_bridge;
grant delete on telemetry.receipt to muster_jobs;
grant select, insert, update on telemetry.completeness to muster_jobs;
