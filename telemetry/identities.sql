-- name: hear
-- Keep what terminals say of themselves, and judge it; gives what is to be told, of whom.
select h.terminal_id, h.code, h.action
from telemetry.hear(%(terminal_ids)s::int4[], %(times)s::timestamptz[], %(imeis)s::text[], %(iccids)s::text[], %(imsis)s::text[],
    %(apns)s::text[], %(firmwares)s::text[], %(models)s::text[], %(boots)s::text[], %(starts)s::boolean[], %(agains)s::boolean[]) h;

-- name: isolate
-- Take the readings of some terminals no more.
select i from registry.isolate_terminals(%(terminal_ids)s::int4[], %(reason)s) i;

-- name: find_refused
-- Which words violate a rule whose action is to refuse them.
select f.k, min(f.code) as code
from registry.find_faults(%(terminal_ids)s::int4[], %(imeis)s::text[], %(iccids)s::text[], %(imsis)s::text[]) f
where f.action = 'refuse' group by f.k;

-- name: find_heard
-- What a terminal said last of itself.
select i.imei, i.iccid, i.imsi, i.apn, i.firmware, i.model, i.boot, i.heard_at, i.started_at
from visible.identity i where i.terminal_id = %(terminal_id)s order by i.heard_at desc limit 1;

-- name: list_identity_events
-- What was told about identities in a window, newest first.
select time, terminal, delay_seconds, code, severity, text, data, digest
from visible.event
where code >= 'identity.' and code < 'identity/' and (%(code)s::text is null or code = %(code)s)
    and time >= %(start)s and time < %(end)s
    and (%(after_time)s::timestamptz is null or (time, digest) < (%(after_time)s, %(after_digest)s))
order by time desc, digest desc limit %(rows)s;
