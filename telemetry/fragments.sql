-- name: find_fragments
-- The parts of some messages that are there.
select f.terminal_id, f.key, f.number, f.parts, f.body
from unnest(%(ids)s::int4[], %(keys)s::text[]) k(terminal_id, key)
join telemetry.fragment f on f.terminal_id = k.terminal_id and f.key = k.key;

-- name: keep_fragments
-- New parts; one that is there already stays as it is. A message of this key that was whole is another one.
with begun as (
    delete from telemetry.fragment f using (select distinct * from unnest(%(ids)s::int4[], %(keys)s::text[])) k(terminal_id, key)
    where f.terminal_id = k.terminal_id and f.key = k.key and f.number = 0)
insert into telemetry.fragment (terminal_id, key, number, parts, received_at, topic, body)
select * from unnest(%(ids)s::int4[], %(keys)s::text[], %(numbers)s::int4[], %(parts)s::int4[], %(times)s::timestamptz[],
    %(topics)s::text[], %(bodies)s::bytea[])
on conflict (terminal_id, key, number) do nothing;

-- name: forget_parts
-- The parts of messages that are whole.
delete from telemetry.fragment f using unnest(%(ids)s::int4[], %(keys)s::text[]) k(terminal_id, key)
where f.terminal_id = k.terminal_id and f.key = k.key;

-- name: note_joined
-- That they were, so that a part which comes once more is known for what it is.
insert into telemetry.fragment (terminal_id, key, number, parts, received_at, topic, body)
select terminal_id, key, 0, 0, now(), '', '' from unnest(%(ids)s::int4[], %(keys)s::text[]) k(terminal_id, key)
on conflict (terminal_id, key, number) do nothing;

-- name: expire_fragments
-- Take out what is too old: messages that never became whole, with what came of them.
with old as (
    select distinct f.terminal_id, f.key from telemetry.fragment f
    where f.received_at < now() - make_interval(secs => %(seconds)s) limit %(rows)s),
gone as (
    delete from telemetry.fragment f using old o where f.terminal_id = o.terminal_id and f.key = o.key
    returning f.terminal_id, f.key, f.number, f.parts, f.received_at, f.topic, f.body)
select g.terminal_id, g.key, count(*) as came, max(g.parts) as parts, min(g.topic) as topic,
    (extract(epoch from min(g.received_at)) * 1000000)::int8 as received_us,
    string_agg(g.body, ''::bytea order by g.number) as body
from gone g where g.number > 0
group by g.terminal_id, g.key;
