-- name: insert_export
-- What somebody wants, to be read by a job.
insert into registry.export (asked_by, group_client_id, wanted, format)
values (%(asked_by)s, %(group_client_id)s, %(wanted)s, %(format)s) returning id;

-- name: hold_quota
-- Whoever asks for another export on the same account waits for the one before.
select pg_advisory_xact_lock(hashtextextended('muster exports ' || %(whose)s, 0));

-- name: count_exports
-- What is kept of everybody's, and what somebody had in 24 hours; with what the tier of their client allows.
select x.kept, x.at_work, x.asked, x.bytes, t.exports_per_day, t.export_bytes_per_day
from registry.exports_of(%(group_client_id)s, %(actor)s) x
left join registry.group_client c on c.id = %(group_client_id)s
left join registry.tier t on t.code = c.tier_code;

-- name: list_exports
-- One page of the exports that are the asker's, or everybody's to who sees everything, newest first.
select e.id, e.asked_by, e.asked_at, e.wanted, e.format, e.state, e.terminals, e.terminals_read, e.rows, e.size_bytes, e.sha256,
    e.has_card_numbers, e.problem, e.problem_text, e.read_at, e.finished_at, e.expires_at
from registry.export e
where (%(everything)s or e.asked_by = %(actor)s) and e.state <> 'deleted'
    and (%(id)s::int8 is null or e.id = %(id)s)
    and (%(state)s::text is null or e.state = %(state)s)
    and (%(after)s::int8 is null or e.id < %(after)s)
order by e.id desc limit %(rows)s;

-- name: hold_export
-- An export that is held against its job.
select state from registry.export where id = %(id)s for no key update;

-- name: set_state
-- An export that is given up, or whose file goes.
update registry.export set state = %(state)s, finished_at = coalesce(finished_at, now()) where id = %(id)s;

-- name: is_visible
-- Whether who asks may still see all that the file holds.
select registry.export_is_visible(%(id)s) as visible;

-- name: read_part
-- One part of a file.
select bytes from registry.export_part where export_id = %(id)s and n = %(n)s;

-- name: tell
-- Who did what of it.
select registry.tell_export(%(id)s, %(deed)s);

-- name: begin_export
-- Begun, or begun again: what another process left of it goes.
update registry.export set state = 'running', read_at = now(), terminals = 0, terminals_read = 0, rows = 0, size_bytes = 0,
    has_card_numbers = %(has_card_numbers)s
where id = %(id)s and state in ('queued', 'running');

-- name: forget_parts
-- The parts of a file.
delete from registry.export_part where export_id = %(id)s;

-- name: forget_stretches
-- Whose times were in it.
delete from registry.export_stretch where export_id = %(id)s;

-- name: put_part
-- One more part of a file.
insert into registry.export_part (export_id, n, bytes) values (%(id)s, %(n)s, %(bytes)s);

-- name: advance
-- How far it is.
update registry.export set terminals = %(terminals)s, terminals_read = %(terminals_read)s, rows = %(rows)s, size_bytes = %(size_bytes)s
where id = %(id)s and state = 'running';

-- name: put_stretches
-- Whose times of some terminals are read, as far as the asker sees them.
insert into registry.export_stretch (export_id, terminal_id, since, until)
select %(id)s, o.terminal_id, greatest(o.valid_from, w.since), least(coalesce(o.valid_to, 'infinity'), w.until, now())
from registry.ownership o
join unnest(%(ids)s::int4[], %(since)s::timestamptz[], %(until)s::timestamptz[]) w(terminal_id, since, until)
    on w.terminal_id = o.terminal_id
where greatest(o.valid_from, w.since) < least(coalesce(o.valid_to, 'infinity'), w.until, now())
on conflict (export_id, terminal_id, since) do nothing;

-- name: end_export
-- Whole, with what tells that it is.
update registry.export set state = 'done', sha256 = %(sha256)s, finished_at = now(), expires_at = now() + make_interval(days => %(days)s)
where id = %(id)s and state = 'running';

-- name: fail_export
-- Over, and why.
update registry.export set state = 'failed', problem = %(problem)s, problem_text = %(problem_text)s, finished_at = now()
where id = %(id)s and state in ('queued', 'running');

-- name: list_codes
-- What some terminals are called; those whose past only is the asker's are called as they were then.
select distinct on (o.terminal_id) o.terminal_id, o.terminal_code from registry.ownership o
where o.terminal_id = any (%(ids)s::int4[]) order by o.terminal_id, o.valid_from desc;

-- name: list_events
-- Events of a terminal in a window, oldest first, after one of them.
select time, terminal, delay_seconds, code, severity, text, data, digest
from visible.event
where terminal_id = %(terminal_id)s and time >= %(start)s and time < %(end)s
    and (%(digest)s::int8 is null or (time, digest) > (%(start)s, %(digest)s))
order by time, digest limit %(most)s;

-- name: expire
-- Files whose days are over.
update registry.export set state = 'expired' where state = 'done' and expires_at <= now();

-- name: fail_hopeless
-- What no job does any more.
update registry.export e set state = 'failed', problem = j.problem, problem_text = 'It was begun again and again, and never came to its end.',
    finished_at = now()
from registry.job j
where j.kind = 'export.read' and j.subject = e.id and j.state = 'failed' and e.state in ('queued', 'running');

-- name: list_swept
-- What has a file no more and still takes room.
select id from registry.export where swept_at is null and state in ('failed', 'cancelled', 'expired', 'deleted') order by id limit %(rows)s;

-- name: end_sweep
-- Its room is free again.
update registry.export set swept_at = now() where id = %(id)s;

-- name: forget_exports
-- What was asked for long ago.
delete from registry.export where swept_at is not null and asked_at < now() - make_interval(days => %(days)s);

-- name: count_states
-- Exports by state, and the bytes of their files.
select state, count(*) as exports, coalesce(sum(size_bytes) filter (where swept_at is null), 0)::int8 as bytes
from registry.export group by state;
