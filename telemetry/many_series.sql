-- name: find_seen_terminals
-- The terminals of some codes of which the scope sees any moment.
select distinct on (o.terminal_code) o.terminal_code as code, o.terminal_id from registry.ownership o
where o.terminal_code = any (%(codes)s)
    -- with: seen
order by o.terminal_code, o.valid_from desc;

-- name: list_owned
-- When in a window a client, or one below it, owned which terminals, as far as the scope sees it; of
-- those that are named, and of those that had a profile then, as far as it is known what they had.
select o.terminal_id, greatest(o.valid_from, %(start)s) as since, least(coalesce(o.valid_to, 'infinity'), %(end)s) as until
from registry.ownership o
where o.group_client_id in (select registry.group_clients_of(0, -1, array[%(group_client)s]::int4[]))
    and o.valid_from < %(end)s and coalesce(o.valid_to, 'infinity') > %(start)s
    and (%(ids)s::int4[] is null or o.terminal_id = any (%(ids)s))
    and (%(profile_id)s::int4 is null or exists (select from registry.terminal_profile i where i.terminal_id = o.terminal_id and i.profile_id = %(profile_id)s
            and i.valid_from < %(end)s and coalesce(i.valid_to, 'infinity') > %(start)s)
        or not exists (select from registry.terminal_profile i where i.terminal_id = o.terminal_id))
    -- with: seen
order by o.terminal_id, o.valid_from limit %(rows)s;

-- name: list_moments
-- When some terminals are the scope's to see: from and until when (Unix us), as far back as its tier lets it.
select o.terminal_id, o.terminal_code as code,
    case when s.since > '-infinity' then (extract(epoch from s.since) * 1000000)::int8 else -9223372036854775808 end as since_us,
    case when o.valid_to is null then 9223372036854775807 else (extract(epoch from o.valid_to) * 1000000)::int8 end as until_us
from registry.ownership o
cross join lateral (select greatest(o.valid_from, (select registry.scope_history_from())) as since) s
where o.terminal_id = any (%(ids)s::int4[]) and coalesce(o.valid_to, 'infinity') > s.since
    -- with: seen
order by o.terminal_id, o.valid_from;

-- part: seen
and (%(everything)s
    or o.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))
    or exists (select from registry.terminal t where t.id = o.terminal_id
        and t.region_code between %(region_low)s and %(region_high)s))
