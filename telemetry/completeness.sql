-- name: add_completeness
-- Count messages in, by terminal and day, and by sum of those of a sector that one client owns in one region.
with counted as (
    select c.day, c.terminal_id, coalesce('epoch'::timestamptz + c.owned_since_us * interval '1 microsecond', '-infinity') as owned_since,
        c.received, c.stored, c.duplicate, c.quarantined, c.late, c.bytes
    from unnest(%(days)s::date[], %(terminal_ids)s::int4[], %(owned_since_us)s::int8[], %(received)s::int4[], %(stored)s::int4[],
        %(duplicate)s::int4[], %(quarantined)s::int4[], %(late)s::int4[], %(bytes)s::int8[])
        c(day, terminal_id, owned_since_us, received, stored, duplicate, quarantined, late, bytes)),
kept as (
    insert into telemetry.completeness as k (day, terminal_id, owned_since, received, stored, duplicate, quarantined, late, bytes)
    select * from counted order by terminal_id, day, owned_since
    on conflict (terminal_id, day, owned_since) do update
    set received = k.received + excluded.received, stored = k.stored + excluded.stored, duplicate = k.duplicate + excluded.duplicate,
        quarantined = k.quarantined + excluded.quarantined, late = k.late + excluded.late, bytes = k.bytes + excluded.bytes)
insert into telemetry.completeness_daily as k (day, group_client_id, region_code, sector, received, stored, duplicate, quarantined, late, bytes)
select c.day, coalesce(o.group_client_id, 0), t.region_code, p.sector, sum(c.received), sum(c.stored), sum(c.duplicate), sum(c.quarantined), sum(c.late), sum(c.bytes)
from counted c join registry.terminal t on t.id = c.terminal_id
join registry.profile p on p.id = t.profile_id
left join registry.ownership o on o.terminal_id = c.terminal_id and o.valid_from = c.owned_since
group by 1, 2, 3, 4 order by 1, 2, 3, 4
on conflict (day, group_client_id, region_code, sector) do update
set received = k.received + excluded.received, stored = k.stored + excluded.stored, duplicate = k.duplicate + excluded.duplicate,
    quarantined = k.quarantined + excluded.quarantined, late = k.late + excluded.late, bytes = k.bytes + excluded.bytes;

-- name: list_days
-- The days of a terminal, newest first: what came, what is missing, and what was expected of one in service.
select d.day::date as day, case when t.state = 'in_service' then greatest(0, extract(epoch from
        least(d.day + interval '1 day', now()) - greatest(d.day, t.state_since, t.owner_since)) / p.expected_interval_seconds)::int8 end as expected,
    coalesce(c.received, 0) as received, coalesce(c.stored, 0) as stored, coalesce(c.duplicate, 0) as duplicate,
    coalesce(c.quarantined, 0) as quarantined, coalesce(c.late, 0) as late, coalesce(c.bytes, 0) as bytes, coalesce(g.missing, 0) as missing
from generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 day') d(day)
left join (
    select v.day, sum(v.received)::int8 as received, sum(v.stored)::int8 as stored, sum(v.duplicate)::int8 as duplicate,
        sum(v.quarantined)::int8 as quarantined, sum(v.late)::int8 as late, sum(v.bytes)::int8 as bytes
    from visible.completeness v
    where v.terminal_id = %(terminal_id)s and v.day between %(first)s::date and %(last)s::date group by v.day) c on c.day = d.day::date
left join (
    select v.ends_at::date as day, sum(v.messages)::int8 as missing from visible.gap v
    where v.terminal_id = %(terminal_id)s and v.ends_at >= %(first)s::timestamptz and v.ends_at < %(last)s::timestamptz + interval '1 day'
    group by 1) g on g.day = d.day::date
left join registry.terminal t on t.id = %(terminal_id)s
left join registry.profile p on p.id = t.profile_id
order by d.day desc;

-- name: list_gaps
-- What is missing of a terminal, newest first, and what its broker may have lost of anybody's.
select kind, begins_at, ends_at, boot, first_seq, last_seq, messages from visible.gap
where (terminal_id = %(terminal_id)s or terminal_id is null)
    and ends_at >= %(first)s::timestamptz and ends_at < %(last)s::timestamptz + interval '1 day'
order by ends_at desc, first_seq desc limit %(most)s;

-- name: sum_days
-- By day, group client or province: what came, and what was expected of the terminals in service since the day before.
with came as (
    select case %(by)s::text when 'day' then v.day::text when 'group_client' then c.code else lpad((case r.level when 'city' then r.parent_code else r.code end)::text, 6, '0') end as key,
        v.received, v.stored, v.duplicate, v.quarantined, v.late, v.bytes, 0::float8 as expected
    from visible.completeness_daily v
    join registry.region r on r.code = v.region_code
    left join registry.group_client c on c.id = v.group_client_id
    where v.day between %(first)s::date and %(last)s::date
        and (%(group_client)s::int4 is null or v.group_client_id = %(group_client)s)
        and (%(low)s::int4 is null or v.region_code between %(low)s and %(high)s)),
fleet as (
    select t.group_client_id, t.region_code, greatest(t.state_since, t.owner_since)::date as since, sum(1.0::float8 / p.expected_interval_seconds) as each_second
    from registry.terminal t join registry.profile p on p.id = t.profile_id
    where t.state = 'in_service'
        and (%(group_client)s::int4 is null or t.group_client_id = %(group_client)s)
        and (%(low)s::int4 is null or t.region_code between %(low)s and %(high)s)
    group by 1, 2, 3),
wanted as (
    select case %(by)s::text when 'day' then d.day::date::text when 'group_client' then c.code else lpad((case r.level when 'city' then r.parent_code else r.code end)::text, 6, '0') end as key,
        0, 0, 0, 0, 0, 0, f.each_second * greatest(0, extract(epoch from least(d.day + interval '1 day', now()) - d.day)::float8) as expected
    from generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 day') d(day)
    join fleet f on f.since < d.day::date
    join registry.region r on r.code = f.region_code
    left join registry.group_client c on c.id = f.group_client_id)
select key, sum(expected)::int8 as expected, sum(received)::int8 as received, sum(stored)::int8 as stored, sum(duplicate)::int8 as duplicate,
    sum(quarantined)::int8 as quarantined, sum(late)::int8 as late, sum(bytes)::int8 as bytes
from (select * from came union all select * from wanted) a
where key is not null and key > %(after)s group by key order by key limit %(rows)s;

-- name: patience
-- To forget days of a large country takes longer than a page may.
select set_config('statement_timeout', '600s', true);

-- name: forget_sums
-- The sums of the oldest days before one, so many at once; days whose roll-ups of supervision are kept keep theirs.
with recursive summed(day) as (
    select min(d.day) from telemetry.completeness_daily d where d.day < %(before)s
    union all
    select (select min(d.day) from telemetry.completeness_daily d where d.day > s.day and d.day < %(before)s) from summed s where s.day is not null),
outlived as (
    select s.day from summed s
    where s.day is not null and not exists (select from telemetry.supervision_day k where k.day = s.day) order by s.day limit %(rows)s),
gone as (delete from telemetry.completeness_daily d using outlived o where d.day = o.day)
select count(*) as days from outlived;
