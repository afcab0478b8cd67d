-- Roll-ups of readings by hour and day: `rolled.<profile>_hourly` and `_daily`, made by telemetry.ensure_rollups.
create schema rolled;
grant usage on schema rolled to muster_reader, muster_jobs, muster_inspect;

-- What a bucket holds of a metric, by how it is stored. One column a metric, which may be moved out of the row: two hundred
-- metrics of eight numbers each would not fit into a page. Absent where the bucket has no value of it.
create type rolled.of_double as (count int4, sum double precision, min double precision, max double precision,
    first double precision, first_at timestamptz, last double precision, last_at timestamptz);
create type rolled.of_bigint as (count int4, sum numeric, min bigint, max bigint,
    first bigint, first_at timestamptz, last bigint, last_at timestamptz);
create type rolled.of_boolean as (count int4, "true" int4, first boolean, first_at timestamptz, last boolean, last_at timestamptz);
create type rolled.of_text as (count int4, first text, first_at timestamptz, last text, last_at timestamptz);

-- How far a profile is rolled up: all that is measured from `complete_from` on, and of the chunk before it the terminals up to
-- `after_terminal`. Before `raw_from` there are roll-ups only.
create table telemetry.rollup (
    profile_id int4 primary key,
    complete_from timestamptz not null default 'infinity',
    after_terminal int4,
    raw_from timestamptz not null default '-infinity'
);

-- Buckets that readings came into since they were rolled up, and when they are to be rolled up.
create table telemetry.rollup_due (
    profile_id int4 not null,
    terminal_id int4 not null,
    time timestamptz not null,
    daily boolean not null,
    due_at timestamptz not null,
    primary key (profile_id, terminal_id, daily, time)
);
create index rollup_due_next on telemetry.rollup_due (daily, due_at);

-- When the earliest row of a batch was measured: what a reader asks of batches that are not followed yet.
alter table telemetry.batch add column first_us bigint;
