-- name: lead
-- Whether this transaction is the only one that rolls up, until it ends; it may take longer than a page.
select pg_try_advisory_xact_lock(hashtextextended('muster rollups', 0)) as alone, set_config('statement_timeout', '600s', true) as patience;

-- name: adopt_profiles
-- Take up profiles that have not been rolled up yet; what there is of them is to be done.
insert into telemetry.rollup (profile_id) select p.id from registry.profile p
where not exists (select from telemetry.rollup r where r.profile_id = p.id) on conflict do nothing;

-- name: list_forgotten
-- Of which bridges the feed has forgotten batches that were not followed, and up to which number.
select b.name as bridge, coalesce(o.n - 1, b.last_n) as n
from telemetry.bridge b left join telemetry.follower f on f.bridge = b.name and f.name = %(follower)s
left join lateral (select min(t.n) as n from telemetry.batch t where t.bridge = b.name and t.n > coalesce(f.n, 0)) o on true
where coalesce(o.n - 1, b.last_n) > coalesce(f.n, 0);

-- name: begin_anew
-- All that there is raw, of one profile or of every one, is to be rolled up again.
update telemetry.rollup set complete_from = 'infinity', after_terminal = null
where %(profile_id)s::int4 is null or profile_id = %(profile_id)s;

-- name: note_touched
-- Hours that readings came into: due a while after they are over or, as more may come late, after now.
insert into telemetry.rollup_due (profile_id, terminal_id, time, daily, due_at)
select r.profile_id, t.terminal_id, 'epoch'::timestamptz + t.hour * interval '1 hour', false,
    greatest(%(now)s::timestamptz + make_interval(secs => %(late_seconds)s),
        'epoch'::timestamptz + (t.hour + 1) * interval '1 hour' + make_interval(secs => %(settle_seconds)s))
from unnest(%(terminal_ids)s::int4[], %(hours)s::int8[]) t(terminal_id, hour)
join telemetry.rollup r on r.profile_id = %(profile_id)s and 'epoch'::timestamptz + t.hour * interval '1 hour' >= r.raw_from
order by t.terminal_id, t.hour
on conflict do nothing;

-- name: note_days
-- Days of which hours were rolled up anew, due a while after they are over, or after now.
insert into telemetry.rollup_due (profile_id, terminal_id, time, daily, due_at)
select %(profile_id)s, d.terminal_id, d.time, true,
    greatest(%(now)s::timestamptz + make_interval(secs => %(late_seconds)s), d.time + interval '24 hours' + make_interval(secs => %(settle_seconds)s))
from (select distinct t.terminal_id, date_bin('24 hours', t.time, timestamptz 'epoch') as time
    from unnest(%(terminal_ids)s::int4[], %(times)s::timestamptz[]) t(terminal_id, time)) d
order by 2, 3
on conflict do nothing;

-- name: find_due
-- The profile of the bucket that has been due for the longest time.
select d.profile_id, p.code from telemetry.rollup_due d join registry.profile p on p.id = d.profile_id
where d.daily = %(daily)s and d.due_at <= %(now)s order by d.due_at limit 1;

-- name: take_due
-- Take buckets of a profile that are due; in the transaction that rolls them up.
delete from telemetry.rollup_due d using (
    select t.terminal_id, t.time from telemetry.rollup_due t
    where t.profile_id = %(profile_id)s and t.daily = %(daily)s and t.due_at <= %(now)s
    order by t.due_at, t.terminal_id limit %(rows)s for update skip locked) t
where d.profile_id = %(profile_id)s and d.daily = %(daily)s and d.terminal_id = t.terminal_id and d.time = t.time
returning d.terminal_id, d.time;

-- name: find_unrolled
-- A profile of which not all is rolled up, and its newest chunk before what is.
select r.profile_id, p.code, coalesce(r.after_terminal, -1) as after, c.range_start as start, c.range_end as end
from telemetry.rollup r join registry.profile p on p.id = r.profile_id
left join lateral (
    select h.range_start, h.range_end from timescaledb_information.chunks h
    where h.hypertable_schema = 'telemetry' and h.hypertable_name = p.code and h.range_start < r.complete_from and h.range_start >= r.raw_from
    order by h.range_start desc limit 1) c on true
where r.complete_from > '-infinity' order by r.profile_id limit 1;

-- name: note_rolled
-- How far a profile is rolled up; null is to its beginning.
update telemetry.rollup set complete_from = coalesce(%(complete_from)s::timestamptz, '-infinity'), after_terminal = %(after)s where profile_id = %(profile_id)s;

-- name: measure_rollups
-- Since when a bucket has been due, by grain, and how many profiles are not yet rolled up to their beginning.
select extract(epoch from greatest(interval '0', now() - (select min(d.due_at) from telemetry.rollup_due d where not d.daily)))::float8 as hourly,
    extract(epoch from greatest(interval '0', now() - (select min(d.due_at) from telemetry.rollup_due d where d.daily)))::float8 as daily,
    (select count(*) from telemetry.rollup r where r.complete_from > '-infinity') as incomplete;
