-- name: take_bridge_name
-- Whether this connection is now the only writer of that bridge's batches.
select pg_try_advisory_lock(hashtextextended('muster bridge ' || %(name)s, 0)) as taken;

-- name: end_own_ghosts
-- End what the server has not yet found dead of this very writer's earlier connections.
select pg_terminate_backend(pid) from pg_stat_activity
where starts_with(application_name, %(instance)s) and pid <> pg_backend_pid();

-- name: start_bridge
-- Note that a bridge starts; says where it stopped and what it had seen of its broker, in Unix us.
insert into telemetry.bridge as b (name) values (%(name)s)
on conflict (name) do update set started_at = now()
returning b.last_n, b.session_established_at is not null as session, (extract(epoch from b.marked_at) * 1000000)::int8 as marked_us,
    (extract(epoch from b.broker_started_at) * 1000000)::int8 as started_us, b.broker_dropped as dropped,
    (extract(epoch from b.broker_dropped_at) * 1000000)::int8 as dropped_us, b.stopped_on_purpose as stopped;

-- name: note_broker
-- What a bridge has seen of its broker, and how often that had lost what it held for us.
update telemetry.bridge set session_established_at = case when %(session)s then coalesce(session_established_at, now()) end,
    sessions_lost = sessions_lost + %(lost)s, session_lost_at = case when %(lost)s > 0 then now() else session_lost_at end,
    marked_at = 'epoch'::timestamptz + %(marked_us)s::int8 * interval '1 microsecond',
    broker_started_at = 'epoch'::timestamptz + %(started_us)s::int8 * interval '1 microsecond', broker_dropped = %(dropped)s,
    broker_dropped_at = 'epoch'::timestamptz + %(dropped_us)s::int8 * interval '1 microsecond', stopped_on_purpose = %(stopped)s
where name = %(name)s;

-- name: record_gap
-- What everybody behind a broker may have lost between two moments.
insert into telemetry.gap (kind, bridge, begins_at, ends_at, messages)
values (%(kind)s, %(bridge)s, 'epoch'::timestamptz + %(begins_us)s::int8 * interval '1 microsecond',
    'epoch'::timestamptz + %(ends_us)s::int8 * interval '1 microsecond', %(messages)s);

-- name: write_feed
-- The rows of one committed batch, one entry a profile, and the number that the bridge has come to.
with fed as (
    insert into telemetry.batch (bridge, n, profile_id, rows, terminal_ids, times_us, received_us, columns, first_us)
    select %(bridge)s, %(n)s, p.* from unnest(%(profile_ids)s::int4[], %(rows)s::int4[], %(terminal_ids)b::bytea[],
        %(times_us)b::bytea[], %(received_us)b::bytea[], %(columns)b::bytea[], %(firsts_us)s::int8[]) p)
update telemetry.bridge set last_n = %(n)s where name = %(bridge)s;

-- name: publish
-- What one of our own processes has found out, as the next of its numbers.
with source as (update telemetry.feed_source set last_n = last_n + 1 where name = %(source)s returning name, last_n)
insert into telemetry.batch (bridge, n, profile_id, rows, terminal_ids, times_us, received_us, columns)
select s.name, s.last_n, %(profile_id)s, %(rows)s, %(terminal_ids)s, %(times_us)s, %(received_us)s, %(columns)s from source s;

-- name: insert_events
-- Events that are not there yet; gives the keys of the inserted ones.
insert into telemetry.event (time, terminal_id, delay_seconds, code, severity, text, data, digest)
select time, terminal_id, delay_seconds, code, severity, text, data::jsonb, digest
from unnest(%(times)s::timestamptz[], %(terminal_ids)s::int4[], %(delays)s::int4[], %(codes)s::text[], %(severities)s::text[],
    %(texts)s::text[], %(data)s::text[], %(digests)s::int8[])
    e(time, terminal_id, delay_seconds, code, severity, text, data, digest)
order by terminal_id, time on conflict do nothing
returning time, terminal_id, code, digest;

-- name: read_feed
-- What a follower has not seen, from the oldest kept number on, whole numbers only; columns of what it names.
select t.bridge, t.n, t.committed_at, t.profile_id, t.rows, t.terminal_ids, t.times_us, t.received_us,
    case when %(columns_of)s::int4[] is null or t.profile_id = any (%(columns_of)s) then t.columns else '' end as columns
from (
    select b.name, (select min(o.n) from telemetry.batch o where o.bridge = b.name and o.n > coalesce(f.n, 0)) as n
    from telemetry.bridge b left join telemetry.follower f on f.bridge = b.name and f.name = %(follower)s) next
join telemetry.batch t on t.bridge = next.name and t.n >= next.n and t.n < next.n + %(most)s
order by t.bridge, t.n, t.profile_id;

-- name: advance_follower
-- How far a follower has come.
insert into telemetry.follower (name, bridge, n)
select %(follower)s, r.bridge, r.n from unnest(%(bridges)s::text[], %(ns)s::int8[]) r(bridge, n)
on conflict (name, bridge) do update set n = excluded.n;

-- name: find_forgettable
-- Before when batches are old and followed; those of more than a day ago are so in any case.
select greatest(now() - interval '1 day', least(now() - make_interval(secs => %(seconds)s),
    (select min(t.committed_at) from telemetry.batch t join telemetry.follower f on f.bridge = t.bridge and t.n > f.n))) as before;

-- name: forget_batches
-- Drop the chunks that end before. (A statement of its own: what reads a chunk cannot drop it.)
select telemetry.forget_batches(%(before)s) as dropped;

-- name: keep_latest
-- The newest value of each metric of a terminal; an older one changes nothing.
insert into telemetry.latest as l (terminal_id, metric, time, number, text)
select n.terminal_id, n.metric, 'epoch'::timestamptz + n.time_us * interval '1 microsecond', n.number, n.text
from unnest(%(terminal_ids)s::int4[], %(metrics)s::text[], %(times_us)s::int8[], %(numbers)s::float8[], %(texts)s::text[])
    n(terminal_id, metric, time_us, number, text)
order by n.terminal_id, n.metric
on conflict (terminal_id, metric) do update set time = excluded.time, number = excluded.number, text = excluded.text
where excluded.time > l.time;

-- name: keep_receipts
-- Numbers that have a fate now; what a terminal gave up without ever sending it is recorded as a gap. (Functions of ours
-- are called for the few that need them: one costs as much as all the rest of a row.)
with said as (
    select s.terminal_id, s.boot, s.numbers, s.first_kept,
        case when s.first_kept > 1 then s.numbers + int8multirange(int8range(1, s.first_kept)) else s.numbers end as kept
    from unnest(%(terminal_ids)s::int4[], %(boots)s::text[], %(numbers)s::text[]::int8multirange[], %(firsts)s::int8[])
        s(terminal_id, boot, numbers, first_kept)),
given_up as (
    insert into telemetry.gap (kind, bridge, terminal_id, begins_at, ends_at, boot, first_seq, last_seq, messages)
    select 'given_up', %(bridge)s, s.terminal_id, coalesce(r.kept_at, now()), now(), s.boot,
        lower(m.missing), upper(m.missing) - 1, upper(m.missing) - lower(m.missing)
    from said s left join telemetry.receipt r on r.terminal_id = s.terminal_id and r.boot = s.boot
    cross join lateral unnest(int8multirange(int8range(1, s.first_kept)) - s.numbers - coalesce(r.numbers, '{}')) m(missing)
    where s.first_kept > 1)
insert into telemetry.receipt as r (terminal_id, boot, numbers)
select s.terminal_id, s.boot, case when pg_column_size(s.kept) < 2000 then s.kept else telemetry.first_numbers(s.kept) end
from said s order by s.terminal_id, s.boot
on conflict (terminal_id, boot) do update
set kept_at = now(), numbers = case when pg_column_size(r.numbers) + pg_column_size(excluded.numbers) < 2000 then r.numbers + excluded.numbers
    else telemetry.first_numbers(r.numbers + excluded.numbers) end
returning r.terminal_id, r.boot, case when int8multirange(int8range(1, upper(r.numbers))) = r.numbers then upper(r.numbers) - 1
    else telemetry.last_without_gap(r.numbers) end as seq;

-- name: forget_receipts
-- Boots that have been silent for so long that whatever they still hold would be refused.
delete from telemetry.receipt where kept_at < now() - make_interval(days => %(days)s);
