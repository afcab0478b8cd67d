-- name: list_entries
-- One page of the entries of tenants in scope, newest first. Of bulk changes the page shows how many,
-- or those of the key that is asked for; and who acted from where only where the scope covers theirs.
select a.id, a.at, a.tenant, c.code as tenant_code, a.actor, a.action, a.outcome, a.reason, a.times, a.request, a.keys[1:20] as keys, a.size,
    case when w.known then a.scope end as scope, case when w.known then a.source end as source,
    case when %(key)s::text is not null then (
            select coalesce(json_agg(x.change order by x.n), '[]') from json_array_elements(a.changes) with ordinality x(change, n)
            where %(key)s in (x.change ->> 'key', x.change ->> 'part'))
        when a.size <= %(most_changes)s then a.changes else '[]' end as changes
from registry.audit a
left join registry.group_client c on c.id = a.tenant
cross join lateral (select
    %(everything)s or (a.scope #>> '{region,0}')::int4 >= %(region_low)s and (a.scope #>> '{region,1}')::int4 <= %(region_high)s
    or a.scope -> 'group_clients' is not null and not exists (
        select from json_array_elements_text(a.scope -> 'group_clients') g
        where g::int4 not in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))) as known) w
where (%(everything)s or a.tenant in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(after)s::timestamptz is null or (a.at, a.id) < (%(after)s, %(after_id)s))
    and (%(id)s::int8 is null or a.id = %(id)s)
    and (%(actor)s::text is null or a.actor = %(actor)s)
    and (%(key)s::text is null or a.keys @> array[%(key)s::text])
    and (%(action)s::text is null or a.action = %(action)s)
    and (%(outcome)s::text is null or a.outcome = %(outcome)s)
    and (%(tenant)s::int4 is null or a.tenant = %(tenant)s)
    and (%(start)s::timestamptz is null or a.at >= %(start)s)
    and (%(end)s::timestamptz is null or a.at < %(end)s)
order by a.at desc, a.id desc limit %(rows)s;

-- name: tell_refusal
-- Note an attempt that was refused, of whoever the transaction says is acting.
select registry.tell_refusal(%(account)s, %(action)s, %(reason)s, %(times)s, %(keys)s::text[]);

-- name: read_chains
-- Every place of every chain in order, with what stands there.
select s.tenant, s.n, s.entry_id, s.previous, s.hash, a.id is not null as is_there, a.tenant as entry_tenant, a.at, a.actor,
    a.scope::text as scope, a.action, a.outcome, a.reason, a.times, a.request, a.source, a.keys::text as keys, a.size,
    a.changes::text as changes
from registry.audit_seal s left join registry.audit a on a.id = s.entry_id
order by s.tenant, s.n;

-- name: read_heads
-- The last place of every chain.
select tenant, n, hash from registry.audit_head order by tenant;

-- name: list_unsealed
-- The first entry of each tenant that stands in no chain.
select distinct on (a.tenant) a.tenant, a.id from registry.audit a
where not exists (select from registry.audit_seal s where s.entry_id = a.id)
order by a.tenant, a.id;
