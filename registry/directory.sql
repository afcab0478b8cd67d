-- name: load_terminals
-- Every terminal as the message path needs it.
select id, code, profile_id, state, (extract(epoch from nullif(owner_since, '-infinity')) * 1000000)::bigint as owner_since_us, group_client_id
from registry.terminal;

-- name: read_terminals
-- The same of some terminals, by id.
select id, code, profile_id, state, (extract(epoch from nullif(owner_since, '-infinity')) * 1000000)::bigint as owner_since_us, group_client_id
from registry.terminal where id = any (%(ids)s);

-- name: read_terminal
-- The same of one terminal, by code.
select id, code, profile_id, state, (extract(epoch from nullif(owner_since, '-infinity')) * 1000000)::bigint as owner_since_us, group_client_id
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
