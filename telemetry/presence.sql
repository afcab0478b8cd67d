-- name: hold_clock
-- How far presence is known, held against other followers.
select turn, as_of from telemetry.presence_clock for update;

-- name: read_hearing
-- Of each bridge, how far its batches and its hearing have come, and since when its broker has told of every session.
select name, last_n, heard_until, listening_since, greatest(session_lost_at, broker_started_at) as told_since
from telemetry.bridge;

-- name: advance_clock
-- How far presence is known now.
update telemetry.presence_clock set turn = %(turn)s, as_of = greatest(as_of, %(as_of)s),
    listening_since = coalesce(%(listening_since)s, listening_since), sessions_known_since = %(sessions_known_since)s;

-- name: pack_presence
-- All facts, packed: number, data, silence, session (-1 unknown) and its time; -infinity for none.
select string_agg(int4send(terminal_id) || timestamptz_send(coalesce(data_at, '-infinity')) ||
    timestamptz_send(coalesce(silent_since, '-infinity')) || int2send(coalesce(session_up::int4, -1)::int2) ||
    timestamptz_send(coalesce(session_since, '-infinity')), '') as packed
from telemetry.presence;

-- name: pack_patience
-- After how many seconds without data each terminal is silent, packed with its number; of all or of some.
select string_agg(int4send(id) || int4send(silent_after_seconds), '') as packed
from registry.terminal_card where %(ids)s::int4[] is null or id = any (%(ids)s);

-- name: pack_pauses
-- Of these terminals, after how many seconds those are silent that are in a pause in which data is awaited
-- less often: the last of the two events that begin and end it is the one that begins it.
select string_agg(int4send(r.id) || int4send(r.seconds), '') as packed
from (select c.id, max(c.silent_after_seconds::int8 * (z.pause ->> 'expected_interval_seconds')::int8 / p.expected_interval_seconds)::int4 as seconds
    from registry.terminal_card c join registry.profile p on p.id = c.profile_id and p.pauses <> '[]'
    cross join lateral jsonb_array_elements(p.pauses) z(pause)
    cross join lateral (select e.code from telemetry.event e
        where e.terminal_id = c.id and e.time > %(until)s::timestamptz - interval '31 days' and e.code in (z.pause ->> 'after', z.pause ->> 'until')
        order by e.time desc, e.code = z.pause ->> 'until' desc limit 1) e
    where c.id = any (%(ids)s) and e.code = z.pause ->> 'after' and z.pause ->> 'expected_interval_seconds' is not null
    group by c.id) r;

-- name: list_pauses
-- The pauses that a terminal is in, as its owner of now may know them.
select z.pause ->> 'reason' as reason, e.time as since, (z.pause ->> 'expected_interval_seconds')::int4 as expected_interval_seconds
from registry.terminal t join registry.profile p on p.id = t.profile_id
cross join lateral jsonb_array_elements(p.pauses) z(pause)
cross join lateral (select e.code, e.time from visible.event e
    where e.terminal_id = t.id and e.time >= t.owner_since
        and e.time > coalesce((select as_of from visible.presence_clock), now()) - interval '31 days'
        and e.code in (z.pause ->> 'after', z.pause ->> 'until')
    order by e.time desc, e.code = z.pause ->> 'until' desc limit 1) e
where t.id = %(terminal_id)s and e.code = z.pause ->> 'after'
order by e.time desc;

-- name: keep_presence
-- The facts of some terminals, as they are now; 0 for no time, null for an unknown session.
insert into telemetry.presence as p (terminal_id, data_at, silent_since, session_up, session_since)
select n.terminal_id, 'epoch'::timestamptz + nullif(n.data_us, 0) * interval '1 microsecond',
    'epoch'::timestamptz + nullif(n.silent_us, 0) * interval '1 microsecond', n.session_up,
    'epoch'::timestamptz + nullif(n.session_us, 0) * interval '1 microsecond'
from unnest(%(terminal_ids)s::int4[], %(data_us)s::int8[], %(silent_us)s::int8[], %(sessions)s::boolean[], %(session_us)s::int8[])
    n(terminal_id, data_us, silent_us, session_up, session_us)
on conflict (terminal_id) do update set data_at = excluded.data_at, silent_since = excluded.silent_since,
    session_up = excluded.session_up, session_since = excluded.session_since;

-- name: note_changes
-- Facts that changed.
insert into telemetry.presence_change (time, terminal_id, fact, present)
select 'epoch'::timestamptz + c.time_us * interval '1 microsecond', c.terminal_id, c.fact, c.present
from unnest(%(times_us)s::int8[], %(terminal_ids)s::int4[], %(facts)s::text[], %(present)s::boolean[])
    c(time_us, terminal_id, fact, present)
on conflict do nothing;

-- name: forget_changes
-- Drop the chunks that end before.
select telemetry.forget_presence_changes(now() - make_interval(days => %(days)s)) as dropped;

-- name: read_clock
-- Up to when presence is known, and since when it was listened for.
select as_of, listening_since from visible.presence_clock;

-- name: list_presence
-- What is known of these terminals.
select terminal_id, data_at, silent_since, session_up, session_since
from visible.presence where terminal_id = any (%(terminal_ids)s);

-- name: list_terminals
-- A page of the terminals that are asked for, by what is known of them too, in the order of the way.
select id, code, region_code, group_client_id from telemetry.list_terminals(%(wanted)s);

-- name: list_changes
-- When a terminal's facts changed in a window, newest first.
select time, fact, present from visible.presence_change
where terminal_id = %(terminal_id)s and time >= %(start)s and time < %(end)s
    and (%(after_time)s::timestamptz is null or (time, fact) < (%(after_time)s, %(after_fact)s))
order by time desc, fact desc limit %(rows)s;

-- name: list_heard
-- Of which of these terminals anything ever came, or that they had a session.
select p.terminal_id from telemetry.presence p where p.terminal_id = any (%(ids)s::int4[])
union select l.terminal_id from telemetry.latest l where l.terminal_id = any (%(ids)s::int4[])
union select c.terminal_id from telemetry.completeness c where c.terminal_id = any (%(ids)s::int4[])
union select f.terminal_id from telemetry.quarantine_fault f where f.terminal_id = any (%(ids)s::int4[]);

-- name: list_longest_silent
-- The terminals in scope that have been silent longest.
select terminal_id from telemetry.longest_silent(%(rows)s);
