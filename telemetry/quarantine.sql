-- name: read_faults
-- How many messages of each of these faults are kept raw, and how many may be.
select k.terminal_id, k.day, k.reason, coalesce(f.kept, 0) as kept, l.samples
from unnest(%(terminal_ids)s::int4[], %(days)s::date[], %(reasons)s::text[]) k(terminal_id, day, reason)
cross join telemetry.quarantine_limit l
left join telemetry.quarantine_fault f on (f.terminal_id, f.day, f.reason) = (k.terminal_id, k.day, k.reason);

-- name: insert_refusals
-- Refused messages; one that was refused before for the same reason counts up. Gives those that are new.
insert into telemetry.quarantine as q (received_at, last_received_at, count, bridge, topic, terminal_id, reason, detail, payload, payload_bytes, digest)
select r.first_at, r.last_at, r.count, %(bridge)s, r.topic, r.terminal_id, r.reason, r.detail, r.payload, r.payload_bytes, r.digest
from unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[], %(counts)s::int4[], %(topics)s::text[], %(terminal_ids)s::int4[], %(reasons)s::text[],
    %(details)s::text[], %(payloads)b::bytea[], %(sizes)s::int4[], %(digests)b::bytea[])
    r(first_at, last_at, count, topic, terminal_id, reason, detail, payload, payload_bytes, digest)
order by r.digest, r.reason
on conflict (digest, reason) do update
set count = q.count + excluded.count, last_received_at = greatest(q.last_received_at, excluded.last_received_at), resolved_at = null
returning digest, reason, xmax = 0 as new;

-- name: count_faults
-- So many more messages of each of these faults, and how many of them are kept raw.
insert into telemetry.quarantine_fault as f (terminal_id, day, reason, first_at, last_at, messages, bytes, kept, kept_bytes, topic, detail)
select * from unnest(%(terminal_ids)s::int4[], %(days)s::date[], %(reasons)s::text[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[],
    %(messages)s::int8[], %(bytes)s::int8[], %(kept)s::int8[], %(kept_bytes)s::int8[], %(topics)s::text[], %(details)s::text[])
    n(terminal_id, day, reason, first_at, last_at, messages, bytes, kept, kept_bytes, topic, detail)
order by n.terminal_id, n.day, n.reason
on conflict (terminal_id, day, reason) do update
set first_at = least(f.first_at, excluded.first_at), last_at = greatest(f.last_at, excluded.last_at), messages = f.messages + excluded.messages,
    bytes = f.bytes + excluded.bytes, kept = f.kept + excluded.kept, kept_bytes = f.kept_bytes + excluded.kept_bytes,
    topic = excluded.topic, detail = excluded.detail;

-- name: set_limit
-- How many messages of a fault are kept raw, by how full the quarantine is.
update telemetry.quarantine_limit set samples = case when k.bytes < %(most_bytes)s * 0.5 then %(samples)s::int4
    when k.bytes < %(most_bytes)s then greatest(1, %(samples)s::int4 / 100) else 1 end
from (select coalesce(sum(kept_bytes), 0) as bytes from telemetry.quarantine_fault) k;

-- name: forget_items
-- Drop the oldest of what is too old, so many at a time.
delete from telemetry.quarantine where id in (
    select id from telemetry.quarantine where last_received_at < now() - make_interval(days => %(days)s)
        and not registry.terminal_is_held(terminal_id, received_at)
    order by last_received_at limit %(most)s);

-- name: forget_faults
-- Drop the counts of days that are too old.
delete from telemetry.quarantine_fault where day < current_date - %(days)s::int4;

-- name: forget_replays
-- Drop the replays that are too old, with what became of their items.
delete from telemetry.replay where requested_at < now() - make_interval(days => %(days)s);

-- name: take_pending
-- The next refused messages that are to be taken again, held against other bridges.
select i.replay_id, i.item_id, q.topic, q.payload, q.payload_bytes, q.received_at
from telemetry.replay_item i left join telemetry.quarantine q on q.id = i.item_id
where i.outcome is null order by i.replay_id, i.item_id limit %(most)s for update of i skip locked;

-- name: has_pending
-- Whether there is anything to replay.
select exists (select from telemetry.replay_item where outcome is null) as pending;

-- name: tell_outcomes
-- What became of items of replays, and of the refused messages behind them.
with told as (
    select * from unnest(%(replay_ids)s::int8[], %(item_ids)s::int8[], %(outcomes)s::text[], %(reasons)s::text[], %(details)s::text[])
        t(replay_id, item_id, outcome, reason, detail)),
resolved as (
    update telemetry.quarantine q set resolved_at = now() from told t
    where q.id = t.item_id and t.outcome in ('stored', 'duplicate'))
update telemetry.replay_item i set outcome = t.outcome, reason = t.reason, detail = t.detail, settled_at = now()
from told t where (i.replay_id, i.item_id) = (t.replay_id, t.item_id);
