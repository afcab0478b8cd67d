-- name: find_seen_terminal
-- The terminal of a code, if the scope sees any moment of it: a former owner sees the own past.
select o.terminal_id from registry.ownership o
where o.terminal_code = %(code)s
    and (%(everything)s
        or o.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))
        or exists (select from registry.terminal t where t.id = o.terminal_id
            and t.region_code between %(region_low)s and %(region_high)s))
limit 1;

-- name: find_history
-- From when on the asker sees what was measured; null is ever.
select nullif(registry.scope_history_from(), '-infinity') as history_from;

-- name: list_profiles_in_window
-- The profiles that a terminal had in a window, in order of time.
select p.code, m.name, m.type
from registry.profiles_in_window(array[%(terminal_id)s]::int4[], %(start)s, %(end)s) with ordinality w(terminal_id, profile_id, k)
join registry.profile p on p.id = w.profile_id
left join registry.profile_metric m on m.profile_id = p.id and not m.hidden
order by w.k, m.position;

-- name: list_latest
-- The newest value of each metric of a terminal.
select metric, time, number, text from visible.latest where terminal_id = %(terminal_id)s order by metric;

-- name: list_events
-- Events of a terminal in a window, newest first; those whose code begins so, or that are as grave.
select time, terminal, delay_seconds, code, severity, text, data, digest
from visible.event
where terminal_id = %(terminal_id)s and time >= %(start)s and time < %(end)s
    and (%(after_time)s::timestamptz is null or (time, digest) < (%(after_time)s, %(after_digest)s))
    and (%(code)s::text is null or starts_with(code, %(code)s)) and (%(severity)s::text is null or severity = %(severity)s)
order by time desc, digest desc limit %(rows)s;

-- name: list_quarantine
-- Refused messages, newest first.
select id, received_at, last_received_at, count, bridge, topic, terminal, reason, detail, payload, payload_bytes, resolved_at
from visible.quarantine
where (%(after)s::int8 is null or id < %(after)s)
    and (%(terminal_id)s::int4 is null or terminal_id = %(terminal_id)s)
    and (%(reason)s::text is null or reason = %(reason)s)
    and (%(prefix_low)s::text is null or topic >= %(prefix_low)s and topic < %(prefix_high)s)
    and (%(start)s::timestamptz is null or last_received_at >= %(start)s)
    and (%(end)s::timestamptz is null or received_at < %(end)s)
    and (%(resolved)s or resolved_at is null)
order by id desc limit %(rows)s;

-- name: find_quarantined
-- One refused message.
select id, received_at, last_received_at, count, bridge, topic, terminal, reason, detail, payload, payload_bytes, resolved_at
from visible.quarantine where id = %(id)s;

-- name: count_quarantine
-- Items a reason, counted up to a bound, so that a flood does not make the page slow.
select r.reason, (select count(*) from (select from visible.quarantine q where q.reason = r.reason and q.resolved_at is null limit %(most)s) bounded) as items
from unnest(%(reasons)s::text[]) r(reason);

-- name: list_faults
-- Storms, the one that went on last first: of which more came than is kept raw.
select day, terminal, reason, first_at, last_at, messages, bytes, kept, topic, detail, terminal_id
from visible.quarantine_fault
where (%(terminal_id)s::int4 is null or terminal_id = %(terminal_id)s)
    and (%(reason)s::text is null or reason = %(reason)s)
    and (%(after)s::timestamptz is null or last_at < %(after)s)
    and messages > kept and day > current_date - %(days)s::int4
order by last_at desc limit %(rows)s;

-- name: open_replay
-- A new, empty replay of who asks.
select telemetry.open_replay() as id;

-- name: add_to_replay
-- The refused messages in scope that are meant, by number or by what is asked for.
insert into telemetry.replay_item (replay_id, item_id)
select %(replay_id)s, id from visible.quarantine
where (%(ids)s::int8[] is null or id = any (%(ids)s))
    and (%(terminal_id)s::int4 is null or terminal_id = %(terminal_id)s)
    and (%(reason)s::text is null or reason = %(reason)s)
    and (%(prefix_low)s::text is null or topic >= %(prefix_low)s and topic < %(prefix_high)s)
    and (%(start)s::timestamptz is null or last_received_at >= %(start)s)
    and (%(end)s::timestamptz is null or received_at < %(end)s)
    and (%(resolved)s or resolved_at is null)
order by id limit %(most)s;

-- name: find_replay
-- One replay and how many of its items met each outcome.
select r.id, r.requested_at, r.requested_by, count(*) as items, count(*) filter (where i.outcome is null) as waiting,
    count(*) filter (where i.outcome = 'stored') as stored, count(*) filter (where i.outcome = 'duplicate') as duplicate,
    count(*) filter (where i.outcome = 'quarantined') as quarantined, count(*) filter (where i.outcome = 'gone') as gone
from visible.replay r join visible.replay_item i on i.replay_id = r.id
where r.id = %(id)s group by 1, 2, 3;

-- name: list_outcomes
-- What became of each item of a replay, by number.
select item_id, outcome, reason, detail, settled_at from visible.replay_item
where replay_id = %(id)s and item_id > %(after)s order by item_id limit %(rows)s;
