-- name: be_patient
-- A chunk may take long to compress; but nobody who reads or writes it is to wait for who waits for another one.
select set_config('statement_timeout', '600s', true), set_config('lock_timeout', '3s', true);

-- name: list_profiles
-- The profiles that have readings.
select id, code from registry.profile order by id;

-- name: drop_next
-- Drop what a profile keeps no longer, a chunk of each kind.
select readings, rollups from telemetry.drop_next(%(profile_id)s);

-- name: compress_next
-- Compress a chunk of a profile, if there is one to compress.
select telemetry.compress_next(%(profile_id)s)::text as chunk;

-- name: forget_raw
-- Drop chunks of raw readings that end before, as far as their roll-ups are complete and no hold is on them.
select telemetry.forget_raw(%(profile_id)s, %(before)s, %(most)s) as chunks;

-- name: measure
-- Measure what the readings of a profile take.
select telemetry.measure_storage(%(profile_id)s);

-- name: list_storage
-- What readings take, by profile, as it was last measured.
select p.code as profile, p.raw_days, p.rollup_days, s.kept_days, s.measured_at, s.raw_bytes, s.compressed_bytes, s.rollup_bytes, s.raw_chunks,
    s.compressed_chunks, s.held_chunks, s.raw_since, s.next_drop_at, s.dropped_at, s.dropped_until
from registry.profile p join telemetry.profile_storage s on s.profile_id = p.id
where %(everything)s and s.measured_at is not null order by p.code;
