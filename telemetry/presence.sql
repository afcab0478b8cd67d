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

-- name: count_presence
-- Terminals in service a sector and province, and how many of them are silent or were never heard.
select p.sector, case r.level when 'city' then r.parent_code else r.code end as province_code,
    count(*) as in_service, count(*) filter (where s.silent_since is not null) as silent,
    count(*) filter (where s.data_at is null) as never_heard
from registry.terminal t
join registry.profile p on p.id = t.profile_id
join registry.region r on r.code = t.region_code
left join visible.presence s on s.terminal_id = t.id
where t.state = 'in_service'
group by 1, 2 order by 1, 2;

-- name: list_terminals
-- Terminals in scope by what is known of them, by code. One row each (limit 1), or the barrier would not be walked by key.
select t.id, t.code from registry.terminal t
join registry.profile p on p.id = t.profile_id
left join lateral (select s.data_at, s.silent_since, s.session_up from visible.presence s where s.terminal_id = t.id limit 1) s on true
where t.code > %(after)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(prefix_low)s::text is null or t.code >= %(prefix_low)s and t.code < %(prefix_high)s)
    and (%(state)s::text is null or t.state = %(state)s)
    and (%(profile)s::text is null or p.code = %(profile)s)
    and (%(sector)s::text is null or p.sector = %(sector)s)
    and (%(group_client)s::int4 is null
        or t.group_client_id in (select registry.group_clients_of(0, -1, array[%(group_client)s]::int4[])))
    and (%(low)s::int4 is null or t.region_code between %(low)s and %(high)s)
    and (%(data)s::text is null
        or %(data)s = 'online' and s.data_at is not null and s.silent_since is null
        or %(data)s = 'silent' and s.silent_since is not null
        or %(data)s = 'never' and s.data_at is null
        or %(data)s = 'absent' and (s.data_at is null or s.silent_since is not null))
    and (%(data)s::text is distinct from 'silent' or t.id in (select telemetry.silent_terminals()))
    and (%(session)s::text is null
        or %(session)s = 'online' and s.session_up
        or %(session)s = 'offline' and not s.session_up
        or %(session)s = 'unknown' and s.session_up is null)
order by t.code limit %(rows)s;

-- name: list_changes
-- When a terminal's facts changed in a window, newest first.
select time, fact, present from visible.presence_change
where terminal_id = %(terminal_id)s and time >= %(start)s and time < %(end)s
    and (%(after_time)s::timestamptz is null or (time, fact) < (%(after_time)s, %(after_fact)s))
order by time desc, fact desc limit %(rows)s;
