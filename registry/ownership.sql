-- name: list_ownerships
-- Who owned a terminal from when to when, as far as the scope may see it.
select o.terminal_id, o.group_client_id, nullif(o.valid_from, '-infinity') as valid_from, o.valid_to
from registry.ownership o
where o.terminal_code = %(code)s
    and (%(everything)s
        or o.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))
        or exists (select from registry.terminal t where t.id = o.terminal_id
            and t.region_code between %(region_low)s and %(region_high)s))
order by o.valid_from;

-- name: hold_owner
-- The present owner of a terminal, held against other transfers, and how an instant lies to its time.
select t.group_client_id, t.state = 'retired' as retired, coalesce(%(at)s, now()) as at, coalesce(%(at)s, now()) > now() as ahead,
    coalesce(%(at)s, now()) <= t.owner_since as too_early
from registry.terminal t where t.id = %(terminal_id)s for update;

-- name: revoke_credentials
-- What the former owner knows lets nobody in any more.
with passwords as (
    update registry.credential set revoked_at = now() where terminal_id = any (%(ids)s::int4[]) and revoked_at is null)
update registry.certificate set revoked_at = greatest(%(at)s, issued_at), reason = 'privilege_withdrawn'
where terminal_id = any (%(ids)s::int4[]) and revoked_at is null;

-- name: end_ownerships
-- The open intervals end.
update registry.ownership set valid_to = %(at)s, ended_late = %(at)s < now() - interval '5 minutes'
where terminal_id = any (%(ids)s::int4[]) and valid_to is null;

-- name: begin_ownerships
-- The next ones begin.
insert into registry.ownership (terminal_id, terminal_code, group_client_id, valid_from)
select t.id, t.code, %(group_client_id)s, %(at)s from registry.terminal t where t.id = any (%(ids)s::int4[]) order by t.id;

-- name: copy_owner_of_sims
-- The SIMs in the terminals go with them.
update registry.sim s set group_client_id = %(group_client_id)s, version = s.version + 1
from registry.installation i
where i.sim_id = s.id and i.terminal_id = any (%(ids)s::int4[]) and i.valid_to is null;

-- name: copy_owners
-- The copy of the open intervals in the terminals' rows. Name, tags and position are the former owner's
-- words: they go along only where both agreed on it. Why it is in its state is never the next one's.
update registry.terminal set group_client_id = %(group_client_id)s, owner_since = %(at)s, ownership_epoch = ownership_epoch + 1,
    name = case when %(keep_description)s then name end, tags = case when %(keep_description)s then tags else '{}' end,
    latitude = case when %(keep_description)s then latitude end, longitude = case when %(keep_description)s then longitude end,
    state_reason = null, version = version + 1
where id = any (%(ids)s::int4[]);
