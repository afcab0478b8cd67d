-- name: note_hearing
-- How far a bridge has heard. After a break of more than 5 seconds it listens anew.
update telemetry.bridge b
set heard_until = greatest(b.heard_until, h.until_at),
    listening_since = case when b.listening_since is null or h.since_at > b.heard_until + interval '5 s'
        then h.since_at else b.listening_since end
from (select 'epoch'::timestamptz + %(until_us)s::int8 * interval '1 microsecond' as until_at,
    'epoch'::timestamptz + %(since_us)s::int8 * interval '1 microsecond' as since_at) h
where b.name = %(bridge)s;

-- name: note_standing
-- How a bridge is, for who looks at the database.
update telemetry.bridge
set noted_at = now(), is_connected = %(is_connected)s, unsettled = %(unsettled)s, spool_messages = %(spool_messages)s,
    spool_bytes = %(spool_bytes)s, spool_room_bytes = %(spool_room_bytes)s,
    spool_since = 'epoch'::timestamptz + %(spool_since_us)s::int8 * interval '1 microsecond'
where name = %(bridge)s;
