-- name: judge
-- What stands in the way of each row of a portion. Of things that the asker does not see only that they are
-- taken; a terminal that is there as the row says is in nobody's way.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
with given as materialized (
    select g.* from registry.imported_terminal g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')),
codes as materialized (select registry.taken('code', array(select code from given)) as code),
imeis as materialized (select registry.taken('imei', array(select imei from given where imei is not null)) as imei),
iccids as materialized (select registry.taken('iccid', array(select iccid from given where iccid is not null)) as iccid),
imsis as materialized (select registry.taken('imsi', array(select imsi from given where imsi is not null)) as imsi),
msisdns as materialized (select registry.taken('msisdn', array(select msisdn from given where msisdn is not null)) as msisdn),
names as materialized (select registry.taken('wire_name', array(select unnest(wire_names) from given)) as name),
owners as materialized (select c.code, c.id from registry.group_client c
    where c.code = any (array(select distinct group_client from given where group_client is not null))
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))),
abroad as materialized (select g.imsi from given g where not %(foreign)s and registry.is_abroad(g.imsi)),
looked as (
    select g.row, g.code, g.name, p.id as profile_id, g.group_client, g.region, g.imei, g.iccid, g.imsi, g.msisdn, g.tags, g.latitude, g.longitude,
        g.wire_names, g.gateway, g.order_ref, t.id as terminal_id, c.id as client_id, s.id as sim_id, w.id as gateway_id,
        w.gateway_id is not null or w.state = 'retired' as gateway_unfit,
        t.name as is_name, t.profile_id as is_profile_id, t.group_client_id as is_client_id, t.region_code as is_region, t.tags as is_tags,
        t.latitude as is_latitude, t.longitude as is_longitude, t.gateway_id as is_gateway_id, t.order_ref as is_order_ref,
        s.group_client_id as is_of_client_id, s.imsi as is_imsi, s.msisdn as is_msisdn, i.terminal_id as is_in, i.terminal_id is not null as is_installed
    from given g
    join registry.profile p on p.code = g.profile
    left join owners c on c.code = g.group_client
    left join lateral (select t.* from registry.terminal t where t.code = g.code and g.code in (select code from codes)
        and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
            or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))) limit 1) t on true
    left join lateral (select s.* from registry.sim s where s.iccid = g.iccid and g.iccid in (select iccid from iccids)
        and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
            or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))) limit 1) s on true
    left join lateral (select i.terminal_id from registry.installation i where i.sim_id = s.id and i.valid_to is null limit 1) i on true
    left join lateral (select w.* from registry.terminal w where w.code = g.gateway
        and (%(everything)s or w.region_code between %(region_low)s and %(region_high)s
            or w.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))) limit 1) w on true)
select %(import_id)s, l.row, v.column_name, v.code, 'error', v.value
from looked l cross join lateral (values
    ('group_client', 'group_client_not_found', l.group_client, l.group_client is not null and l.client_id is null),
    ('region', 'out_of_reach', l.region::text, not (%(everything)s or l.region between %(region_low)s and %(region_high)s or l.client_id is not null)),
    ('code', 'code_taken', l.code, l.terminal_id is null and l.code in (select code from codes)),
    ('name', 'differs', l.is_name, l.terminal_id is not null and l.name is not null and l.name is distinct from l.is_name),
    ('profile', 'differs', (select p.code from registry.profile p where p.id = l.is_profile_id),
        l.terminal_id is not null and l.profile_id <> l.is_profile_id),
    ('group_client', 'differs', (select c.code from registry.group_client c where c.id = l.is_client_id),
        l.terminal_id is not null and l.client_id is distinct from l.is_client_id),
    ('region', 'differs', l.is_region::text, l.terminal_id is not null and l.region <> l.is_region),
    ('tags', 'differs', array_to_string(l.is_tags, ' '), l.terminal_id is not null and l.tags is not null and not (l.tags @> l.is_tags and l.tags <@ l.is_tags)),
    ('latitude', 'differs', l.is_latitude::text, l.terminal_id is not null and l.latitude is not null and l.latitude is distinct from l.is_latitude),
    ('longitude', 'differs', l.is_longitude::text, l.terminal_id is not null and l.longitude is not null and l.longitude is distinct from l.is_longitude),
    ('order_ref', 'differs', l.is_order_ref, l.terminal_id is not null and l.order_ref is not null and l.order_ref is distinct from l.is_order_ref),
    ('imei', 'differs', (select h.imei from registry.hardware h where h.terminal_id = l.terminal_id and h.valid_to is null),
        l.terminal_id is not null and l.imei is not null and not exists (
            select from registry.hardware h where h.terminal_id = l.terminal_id and h.valid_to is null and h.imei = l.imei)),
    ('iccid', 'differs', (select s.iccid from registry.installation i join registry.sim s on s.id = i.sim_id
            where i.terminal_id = l.terminal_id and i.valid_to is null),
        l.terminal_id is not null and l.iccid is not null and l.is_in is distinct from l.terminal_id),
    ('gateway', 'differs', (select w.code from registry.terminal w where w.id = l.is_gateway_id),
        l.terminal_id is not null and l.gateway is not null and l.gateway_id is distinct from l.is_gateway_id),
    ('wire_names', 'differs', (select string_agg(w.kind || ':' || w.value, ' ') from registry.wire_name w where w.terminal_id = l.terminal_id),
        l.terminal_id is not null and l.wire_names is not null and exists (select from unnest(l.wire_names) n(name) where not exists (
            select from registry.wire_name w where w.terminal_id = l.terminal_id and w.kind || ':' || w.value = n.name))),
    ('imei', 'imei_taken', l.imei, l.terminal_id is null and l.imei in (select imei from imeis)),
    ('iccid', 'sim_taken', l.iccid, l.terminal_id is null and l.sim_id is null and l.iccid in (select iccid from iccids)),
    ('iccid', 'sim_is_elsewhere', (select t.code from registry.terminal t where t.id = l.is_in), l.terminal_id is null and l.is_installed),
    ('iccid', 'sim_of_another_owner', null, l.terminal_id is null and l.sim_id is not null and not l.is_installed
        and l.is_of_client_id is not null and l.is_of_client_id is distinct from l.client_id),
    ('iccid', 'required', null, l.iccid is null and (l.imsi is not null or l.msisdn is not null)),
    ('imsi', 'differs', l.is_imsi, l.sim_id is not null and l.imsi is not null and l.imsi is distinct from l.is_imsi),
    ('msisdn', 'differs', l.is_msisdn, l.sim_id is not null and l.msisdn is not null and l.msisdn is distinct from l.is_msisdn),
    ('imsi', 'sim_taken', l.imsi, l.sim_id is null and l.imsi in (select imsi from imsis)),
    ('msisdn', 'sim_taken', l.msisdn, l.sim_id is null and l.msisdn in (select msisdn from msisdns)),
    ('imsi', 'sim_of_another_network', l.imsi, l.sim_id is null and l.imsi in (select imsi from abroad)),
    ('gateway', 'gateway_is_itself', l.gateway, l.gateway = l.code),
    ('gateway', 'gateway_unfit', l.gateway, l.gateway_unfit),
    ('longitude', 'required', null, l.latitude is not null and l.longitude is null),
    ('latitude', 'required', null, l.longitude is not null and l.latitude is null),
    ('wire_names', 'wire_name_taken', array_to_string(l.wire_names, ' '), l.terminal_id is null and (l.gateway is null or l.gateway_id is not null)
        and exists (select from unnest(l.wire_names) n(name), names
            where names.name = n.name || '@' || coalesce(l.gateway_id, 0)))
) v(column_name, code, value, holds)
-- Most rows are new and meet nobody: of such a one none of these can hold, and thirty are not tried.
where (l.terminal_id is not null or l.sim_id is not null or l.group_client is not null and l.client_id is null
        or not (%(everything)s or l.region between %(region_low)s and %(region_high)s or l.client_id is not null)
        or l.code in (select code from codes) or l.imei in (select imei from imeis) or l.iccid in (select iccid from iccids)
        or l.imsi in (select imsi from imsis) or l.msisdn in (select msisdn from msisdns) or l.imsi in (select imsi from abroad)
        or l.iccid is null and (l.imsi is not null or l.msisdn is not null)
        or l.gateway is not null or l.wire_names is not null or (l.latitude is null) <> (l.longitude is null))
    and v.holds
on conflict do nothing;

-- name: judge_terms
-- What tier and file of their owners make of the rows of a portion with which nothing else is wrong. That a quota is
-- nearly used up is said once of an owner, of the row with which it is.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
with given as materialized (
    select g.row, g.group_client, g.state from registry.imported_terminal g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s and g.group_client is not null
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')
        and not exists (select from registry.terminal t where t.code = g.code)),
owners as materialized (
    select c.code, c.file_state, t.terminal_quota, coalesce(n.terminals, 0) as terminals, registry.file_holds(t.file_policy, c.file_state) as holds,
        t.file_policy = 'warn' and c.file_state <> 'verified' as warns
    from registry.group_client c join registry.tier t on t.code = c.tier_code
    left join registry.client_terminals n on n.group_client_id = c.id
    where c.code = any (array(select distinct group_client from given))
        and (t.terminal_quota is not null or t.file_policy <> 'none' and c.file_state <> 'verified')
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))),
looked as (
    select g.row, o.file_state, o.terminal_quota, g.state = 'in_service' and o.holds as held, g.state = 'in_service' and o.warns as warned,
        o.terminals + count(*) filter (where not (g.state = 'in_service' and o.holds)) over (partition by o.code order by g.row) as nth
    from given g join owners o on o.code = g.group_client)
select %(import_id)s, l.row, v.column_name, v.code, v.severity, v.value
from looked l cross join lateral (values
    ('state', 'file_not_verified', 'error', l.file_state, l.held),
    ('state', 'file_unverified', 'warning', l.file_state, l.warned),
    ('group_client', 'terminal_quota_reached', 'error', l.terminal_quota::text, not l.held and l.nth > l.terminal_quota),
    ('group_client', 'quota_near', 'warning', l.terminal_quota::text, not l.held and l.nth = ceil(l.terminal_quota * 0.8) and l.nth <= l.terminal_quota)
) v(column_name, code, severity, value, holds)
where v.holds
on conflict do nothing;

-- name: judge_after
-- Whose gateway is neither on the roll nor in a row above of the same portion that can be applied.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
select g.import_id, g.row, 'gateway', 'gateway_not_found', 'error', g.gateway
from registry.imported_terminal g
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s and g.gateway is not null
    and not exists (select from registry.terminal t where t.code = g.gateway
        and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
            or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))))
    and not exists (select from registry.imported_terminal w
        where w.import_id = g.import_id and w.row between %(low)s and g.row - 1 and w.code = g.gateway and w.gateway is null
            and not exists (select from registry.import_finding f where f.import_id = w.import_id and f.row = w.row and f.severity = 'error'))
    and not exists (select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')
on conflict do nothing;

-- name: judge_file
-- Whose gateway is neither on the roll nor in a row above; which wire name is a second time behind one gateway; and
-- with which rows an owner would have more terminals than its tier allows.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
select g.import_id, g.row, 'gateway', 'gateway_not_found', 'error', g.gateway
from registry.imported_terminal g
where g.import_id = %(import_id)s and g.gateway is not null
    and not exists (select from registry.terminal t where t.code = g.gateway
        and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
            or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))))
    and not exists (select from registry.imported_terminal w where w.import_id = g.import_id and w.code = g.gateway and w.row < g.row
        and w.gateway is null)
union all
select n.import_id, n.row, 'wire_names', 'twice_in_file', 'error', n.first_row::text
from (select g.import_id, g.row, min(g.row) over (partition by w.wire, coalesce(g.gateway, '')) as first_row
    from registry.imported_terminal g cross join lateral unnest(g.wire_names) w(wire)
    where g.import_id = %(import_id)s and g.wire_names is not null) n
where n.row > n.first_row
union all
select %(import_id)s, n.row, 'group_client', 'terminal_quota_reached', 'error', n.terminal_quota::text
from (select g.row, o.terminal_quota, o.terminals + row_number() over (partition by o.id order by g.row) as nth
    from registry.imported_terminal g join (
        select c.id, c.code, t.terminal_quota, coalesce(n.terminals, 0) as terminals
        from registry.group_client c join registry.tier t on t.code = c.tier_code
        left join registry.client_terminals n on n.group_client_id = c.id
        where t.terminal_quota is not null
            and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
                or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))) o on o.code = g.group_client
    where g.import_id = %(import_id)s and not exists (select from registry.terminal t where t.code = g.code)
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')) n
where n.nth > n.terminal_quota
on conflict do nothing;

-- name: count_known
-- How many rows of a portion are on the roll already, as they say.
select count(*) as known from registry.terminal t
where t.code = any (array(select g.code from registry.imported_terminal g
        where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
            and not exists (select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')))
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: insert_terminals
-- Put the terminals of a portion on the roll that are not on it. What is on the roll is found by an index,
-- however large it is: of a join with all of it nobody knows how it will be done.
insert into registry.terminal (code, name, state, profile_id, group_client_id, region_code, gateway_id, latitude, longitude, tags, order_ref)
with given as materialized (
    select g.* from registry.imported_terminal g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')),
known as materialized (select t.code from registry.terminal t where t.code = any (array(select code from given))),
owners as materialized (select c.code, c.id from registry.group_client c
    where c.code = any (array(select distinct group_client from given where group_client is not null)))
select g.code, g.name, g.state, p.id, c.id, g.region, w.id, g.latitude, g.longitude, coalesce(g.tags, '{}'), g.order_ref
from given g
join registry.profile p on p.code = g.profile
left join owners c on c.code = g.group_client
left join lateral (select w.id from registry.terminal w where w.code = g.gateway limit 1) w on true
where g.code not in (select code from known)
order by g.row;

-- name: note_terminals
-- Which row made which: by code, as an index finds them; joined row by row with what an insert returns they are compared each with each.
insert into registry.import_made (import_id, row, id, tenant)
select g.import_id, g.row, t.id, coalesce(t.group_client_id, 0)
from registry.imported_terminal g
cross join lateral (select t.id, t.group_client_id from registry.terminal t where t.code = g.code and t.registered_at = now() limit 1) t
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f
        where f.import_id = g.import_id and f.row = g.row and f.severity = 'error');

-- name: insert_ownerships
-- Each terminal's first owner has it from ever on.
insert into registry.ownership (terminal_id, terminal_code, group_client_id, valid_from)
select m.id, g.code, nullif(m.tenant, 0), '-infinity'
from registry.import_made m join registry.imported_terminal g on g.import_id = m.import_id and g.row = m.row
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s;

-- name: insert_profile_intervals
-- Each terminal's first profile is its from ever on.
insert into registry.terminal_profile (terminal_id, profile_id, valid_from)
select m.id, p.id, '-infinity'
from registry.import_made m join registry.imported_terminal g on g.import_id = m.import_id and g.row = m.row
join registry.profile p on p.code = g.profile
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s;

-- name: insert_hardware
-- The modems of those terminals whose IMEI is given.
insert into registry.hardware (terminal_id, imei, valid_from)
select m.id, g.imei, now() from registry.import_made m join registry.imported_terminal g on g.import_id = m.import_id and g.row = m.row
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and g.imei is not null;

-- name: insert_sims
-- SIMs that come with their terminals; one from stock is there already.
insert into registry.sim (iccid, imsi, msisdn, state, group_client_id, region_code, order_ref)
with given as materialized (
    select g.iccid, g.imsi, g.msisdn, m.tenant, g.region, g.order_ref
    from registry.import_made m join registry.imported_terminal g on g.import_id = m.import_id and g.row = m.row
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and g.iccid is not null),
stock as materialized (select s.iccid from registry.sim s where s.iccid = any (array(select iccid from given)))
select g.iccid, g.imsi, g.msisdn, 'active', nullif(g.tenant, 0), g.region, g.order_ref
from given g where g.iccid not in (select iccid from stock);

-- name: insert_installations
-- Which SIM is in which terminal from now on.
insert into registry.installation (sim_id, terminal_id, valid_from)
select s.id, m.id, now() from registry.import_made m join registry.imported_terminal g on g.import_id = m.import_id and g.row = m.row
cross join lateral (select s.id from registry.sim s where s.iccid = g.iccid limit 1) s
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s;

-- name: adopt_sims
-- What comes from the operator's stock belongs to the owner of the terminal that it is in.
update registry.sim s set version = s.version + 1, group_client_id = (
    select t.group_client_id from registry.installation i join registry.terminal t on t.id = i.terminal_id
    where i.sim_id = s.id and i.valid_to is null)
where s.id = any (array(
    select k.id from registry.import_made m
    cross join lateral (select i.sim_id from registry.installation i where i.terminal_id = m.id and i.valid_to is null limit 1) i
    cross join lateral (select k.id from registry.sim k where k.id = i.sim_id and k.group_client_id is distinct from nullif(m.tenant, 0) limit 1) k
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s));

-- name: put_behind_gateways
-- Those whose gateway came in the same portion.
update registry.terminal t set gateway_id = w.id
from registry.import_made m join registry.imported_terminal g on g.import_id = m.import_id and g.row = m.row
cross join lateral (select w.id from registry.terminal w where w.code = g.gateway limit 1) w
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and g.gateway is not null and t.id = m.id and t.gateway_id is null;

-- name: note_gateways
-- Each terminal is behind its gateway from now on.
insert into registry.terminal_gateway (terminal_id, gateway_id, valid_from)
select t.id, t.gateway_id, now() from registry.import_made m join registry.terminal t on t.id = m.id
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and t.gateway_id is not null;

-- name: insert_wire_names
-- How the terminals call themselves.
insert into registry.wire_name (terminal_id, gateway_id, kind, value)
select t.id, t.gateway_id, split_part(n.name, ':', 1), substr(n.name, strpos(n.name, ':') + 1)
from registry.import_made m join registry.imported_terminal g on g.import_id = m.import_id and g.row = m.row
join registry.terminal t on t.id = m.id cross join lateral unnest(g.wire_names) n(name)
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and g.wire_names is not null;

-- name: list_secrets_wanted
-- Which terminals of a portion are to be given a password.
select m.id, g.code from registry.import_made m join registry.imported_terminal g on g.import_id = m.import_id and g.row = m.row
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and g.credential = 'generate'
order by m.row;

-- name: insert_credentials
-- What the broker checks each terminal's password with.
insert into registry.credential (terminal_id, verifier)
select * from unnest(%(ids)s::int4[], %(verifiers)s::text[]);

-- name: wants_secrets
-- Whether any row of a file asks for a password.
select exists (select from registry.imported_terminal g where g.import_id = %(import_id)s and g.credential = 'generate') as wanted;

-- name: judge_undo
-- Of which made terminals something has happened since, so that they cannot be taken back.
update registry.import_made m set kept = v.why
from (
    select m.row, case
        when t.id is null then 'gone'
        when t.version > 1 or t.state_since <> t.registered_at or registry.has_legal_hold(null, m.id) then 'changed'
        when exists (select from registry.ownership o where o.terminal_id = m.id and (o.valid_from <> '-infinity' or o.valid_to is not null)) then 'transferred'
        when exists (select from registry.credential c where c.terminal_id = m.id and (c.created_at <> t.registered_at or c.revoked_at is not null))
            then 'credential_changed'
        when exists (select from registry.hardware h where h.terminal_id = m.id and (h.valid_from <> t.registered_at or h.valid_to is not null))
            or exists (select from registry.terminal_profile p where p.terminal_id = m.id and (p.valid_from <> '-infinity' or p.valid_to is not null))
            or exists (select from registry.terminal_gateway g where g.terminal_id = m.id and (g.valid_from <> t.registered_at or g.valid_to is not null))
            then 'changed'
        when exists (select from registry.installation i join registry.sim s on s.id = i.sim_id where i.terminal_id = m.id
            and (i.valid_from <> t.registered_at or i.valid_to is not null or s.registered_at = t.registered_at and s.version > 1)) then 'sim_changed'
        end as why
    from registry.import_made m left join registry.terminal t on t.id = m.id
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and not m.undone) v
where m.import_id = %(import_id)s and m.row = v.row and m.kept is distinct from v.why;

-- name: judge_undo_after
-- What speaks for a terminal that stays, stays too.
update registry.import_made m set kept = 'is_gateway'
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.kept is null and not m.undone
    and (exists (select from registry.terminal_gateway g where g.gateway_id = m.id and not exists (
            select from registry.import_made o where o.import_id = m.import_id and o.id = g.terminal_id and o.row between %(low)s and %(high)s
                and o.kept is null and not o.undone)));

-- name: return_sims
-- The cards that were adopted from stock are the operator's again.
update registry.sim s set group_client_id = null, version = s.version + 1
from registry.import_made m join registry.installation i on i.terminal_id = m.id
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and s.id = i.sim_id
    and s.registered_at <> i.valid_from and s.group_client_id is not null;

-- name: delete_sims
-- The cards that came with the terminals go with them; those from stock go back to it.
with gone as (
    delete from registry.installation i using registry.import_made m
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and i.terminal_id = m.id
    returning i.sim_id, i.valid_from)
delete from registry.sim s using gone g where s.id = g.sim_id and s.registered_at = g.valid_from;

-- name: delete_hardware
-- The modems of terminals that are taken back.
delete from registry.hardware h using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and h.terminal_id = m.id;

-- name: delete_wire_names
-- Their names.
delete from registry.wire_name w using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and w.terminal_id = m.id;

-- name: delete_gateways
-- Behind which gateway they were.
delete from registry.terminal_gateway g using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and g.terminal_id = m.id;

-- name: delete_credentials
-- What they would have signed in with.
delete from registry.credential c using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and c.terminal_id = m.id;

-- name: delete_profile_intervals
-- Their profiles.
delete from registry.terminal_profile p using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and p.terminal_id = m.id;

-- name: delete_ownerships
-- Their owners.
delete from registry.ownership o using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and o.terminal_id = m.id;

-- name: delete_terminals
-- Off the roll, as if they had never been on it.
delete from registry.terminal t using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and t.id = m.id;

-- name: export
-- Some terminals in scope as rows of a file, in the order of their numbers.
select t.id, array[t.code, t.name, p.code, c.code, t.region_code::text, t.state, h.imei, s.iccid, s.imsi, s.msisdn,
    array_to_string(t.tags, ' '), t.latitude::text, t.longitude::text,
    (select string_agg(w.kind || ':' || w.value, ' ' order by w.kind, w.value) from registry.wire_name w where w.terminal_id = t.id),
    g.code, t.order_ref, 'none'] as cells
from registry.terminal t
join registry.profile p on p.id = t.profile_id
left join registry.group_client c on c.id = t.group_client_id
left join registry.hardware h on h.terminal_id = t.id and h.valid_to is null
left join registry.installation i on i.terminal_id = t.id and i.valid_to is null
left join registry.sim s on s.id = i.sim_id
left join registry.terminal g on g.id = t.gateway_id
where t.id > %(after)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by t.id limit %(rows)s;
