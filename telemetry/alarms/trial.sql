-- name: list_changes
-- How a fact of a terminal changed in a window, in order, from how it was before.
select (extract(epoch from c.time) * 1000000)::int8 as us, c.present from (
    (select p.time, p.present from visible.presence_change p
        where p.terminal_id = %(id)s and p.fact = %(fact)s and p.time < %(start)s and p.time >= %(start)s - interval '31 days'
        order by p.time desc limit 1)
    union all
    (select p.time, p.present from visible.presence_change p
        where p.terminal_id = %(id)s and p.fact = %(fact)s and p.time >= %(start)s and p.time < %(end)s
        order by p.time limit %(rows)s)) c
order by c.time;

-- name: find_patience
-- How often a terminal is to report, and after how many seconds it is silent, as it is now.
select p.expected_interval_seconds as interval_seconds, c.silent_after_seconds
from registry.terminal_card c join registry.profile p on p.id = c.profile_id where c.id = %(id)s;

-- name: list_longer
-- How many times as long may be waited for a terminal at some moments (Unix us), in pauses in which data is awaited less often.
select m.us, max((z.pause ->> 'expected_interval_seconds')::float8 / p.expected_interval_seconds) as times
from unnest(%(moments_us)s::int8[]) m(us) join registry.terminal t on t.id = %(id)s join registry.profile p on p.id = t.profile_id
cross join lateral jsonb_array_elements(p.pauses) z(pause)
cross join lateral (select e.code from visible.event e
    where e.terminal_id = t.id and e.time > telemetry.instant(m.us) - interval '31 days' and e.time <= telemetry.instant(m.us)
        and e.code in (z.pause ->> 'after', z.pause ->> 'until')
    order by e.time desc, e.code = z.pause ->> 'until' desc limit 1) e
where e.code = z.pause ->> 'after' and z.pause ->> 'expected_interval_seconds' is not null
group by m.us;
