-- name: list_intervals
-- How often terminals of some profiles are expected to speak.
select code, expected_interval_seconds as interval from registry.profile where code = any (%(codes)s);

-- name: list_depths
-- Since when there may be readings of some profiles.
select c.hypertable_name as code, min(c.range_start) as since from timescaledb_information.chunks c
where c.hypertable_schema = 'telemetry' and c.hypertable_name = any (%(codes)s) group by 1;
