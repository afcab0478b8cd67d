-- A state is told by its place in a list (from 0), an owner's time in PostgreSQL's own microseconds.

-- name: pack_terminals
-- Terminals by id as the message path needs them, packed; of the code 12 bytes of a digest.
select max(id) as last_id, string_agg(substring(sha256(%(key)s::bytea || convert_to(code, 'UTF8')) for 12) || int4send(id)
    || int4send(profile_id) || int2send((array_position(%(states)s::text[], state) - 1)::int2) || timestamptz_send(owner_since)
    || int4send(coalesce(group_client_id, 0)), '') as packed
from (select id, code, profile_id, state, owner_since, group_client_id from registry.terminal
    where id > %(after)s order by id limit %(rows)s) t;

-- name: count_terminals
-- For how many there has to be room.
select count(*) as terminals from registry.terminal;

-- name: read_terminals
-- The same of some terminals, by id, with their codes.
select id, code, profile_id, array_position(%(states)s::text[], state) - 1 as state,
    ('x' || encode(timestamptz_send(owner_since), 'hex'))::bit(64)::int8 as owner_since,
    coalesce(group_client_id, 0) as client_id
from registry.terminal where id = any (%(ids)s);

-- name: read_terminal
-- The same of one terminal, by code.
select id, code, profile_id, array_position(%(states)s::text[], state) - 1 as state,
    ('x' || encode(timestamptz_send(owner_since), 'hex'))::bit(64)::int8 as owner_since,
    coalesce(group_client_id, 0) as client_id
from registry.terminal where code = %(code)s;

-- name: position
-- Where in the feed of changes a reader stands who reads the tables after this.
select pg_snapshot_xmin(pg_current_snapshot())::text as position;

-- name: read_changes
-- What changed in transactions that were open at `since` or came later, and where to go on from.
-- One snapshot for both, so that a transaction which commits later than its number is never missed.
select pg_snapshot_xmin(pg_current_snapshot())::text as position,
    coalesce((select array_agg(distinct id) from registry.change where xact >= %(since)s::xid8 and kind = 'terminal'), '{}') as terminals,
    exists (select from registry.change where xact >= %(since)s::xid8 and kind = 'profile') as profiles;

-- name: forget_changes
-- Drop what every follower has read long ago.
delete from registry.change where at < now() - make_interval(secs => %(kept_seconds)s);
