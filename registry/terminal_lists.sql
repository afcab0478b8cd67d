-- name: list_terminals
-- A page of the terminals that are asked for, in the order of the way.
select id, code, region_code, group_client_id from registry.list_terminals(%(wanted)s);

-- name: list_these_terminals
-- Those of some terminals that are in scope, by code.
select t.* from registry.terminal_card t
where t.id = any (%(ids)s::int4[])
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by t.code;

-- name: list_profile_ids
-- The numbers of the profiles of a code and of a sector.
select coalesce(array_agg(id), '{}') as ids from registry.profile
where (%(profile)s::text is null or code = %(profile)s) and (%(sector)s::text is null or sector = %(sector)s);

-- name: search
-- What begins with a text, or is named by it.
select kind, field, id, value from registry.search(%(wanted)s);

-- name: list_these_sims
-- Those of some SIMs that are in scope, with the codes of their owners, where these may be seen, and of the terminals that they are in.
select s.id, s.iccid, s.imsi, s.msisdn, s.state, c.code as group_client_code, t.code as terminal_code
from registry.sim s
left join registry.group_client c on c.id = s.group_client_id
left join registry.installation i on i.sim_id = s.id and i.valid_to is null
left join registry.terminal t on t.id = i.terminal_id
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
where s.id = any (%(ids)s::int4[])
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by s.iccid;

-- name: list_these_clients
-- Those of some group clients that are in scope, by code.
select c.id, c.code, c.name from registry.group_client c
where c.id = any (%(ids)s::int4[])
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.code;
