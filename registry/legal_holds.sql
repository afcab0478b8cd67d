-- name: insert_hold
-- A hold on what was measured; whoever drops chunks waits for it, or is done before.
insert into registry.legal_hold (group_client_id, terminal_id, profile_id, since, until, reason, reference, placed_by)
values (%(group_client)s, %(terminal)s, %(profile)s, coalesce(%(since)s::timestamptz, '-infinity'), coalesce(%(until)s::timestamptz, 'infinity'),
    %(reason)s, %(reference)s, registry.acting())
returning id;

-- name: lift_hold
-- Let what a hold keeps go, unless that was done before.
update registry.legal_hold set lifted_at = now(), lifted_by = registry.acting(), lift_reason = %(reason)s, version = version + 1
where id = %(id)s and lifted_at is null and %(everything)s;

-- name: list_holds
-- Legal holds, the newest first: one, those in force, those that are lifted, or all.
select h.id, c.code as group_client, t.code as terminal, p.code as profile, nullif(h.since, '-infinity') as since, nullif(h.until, 'infinity') as until,
    h.reason, h.reference, h.placed_at, h.placed_by, h.lifted_at, h.lifted_by, h.lift_reason, h.version
from registry.legal_hold h
left join registry.group_client c on c.id = h.group_client_id
left join registry.terminal t on t.id = h.terminal_id
left join registry.profile p on p.id = h.profile_id
where %(everything)s and (%(id)s::int4 is null or h.id = %(id)s) and (%(lifted)s::boolean is null or (h.lifted_at is not null) = %(lifted)s)
    and h.id < coalesce(%(before)s::int8, 9223372036854775807)
order by h.id desc limit %(rows)s;
