-- Who serves whom. An assignment is its client's: it is seen with the client.

-- name: hold_person
-- The role of an account manager or agent in force, whom nobody takes it from meanwhile.
select registry.hold_person(%(person)s) as role;

-- name: hold_clients
-- The clients in scope of these codes, held against others who would hand them over.
select c.id, c.code from registry.group_client c
where c.code = any (%(codes)s::text[])
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.id for no key update;

-- name: list_served
-- The codes of the clients in scope whom somebody serves and is to serve on.
select c.code from registry.assignment a join registry.group_client c on c.id = a.group_client_id
where a.person = %(person)s and a.valid_to is null and a.valid_from <= now()
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.code limit %(rows)s;

-- name: serves_anybody
-- Whether somebody serves a client, or is going to.
select exists (select from registry.assignment where person = %(person)s and (valid_to is null or valid_to > now())) as serves;

-- name: list_last
-- Of each of these clients who serves it last in a role, and how an instant lies to that time.
select distinct on (a.group_client_id) a.group_client_id, a.id, a.person, a.valid_to is null as open, a.valid_from > now() as ahead,
    coalesce(%(at)s, now()) <= a.valid_from as too_early, coalesce(%(at)s, now()) < a.valid_to as before_end
from registry.assignment a where a.group_client_id = any (%(ids)s::int4[]) and a.role = %(role)s
order by a.group_client_id, a.valid_from desc;

-- name: end_assignments
-- The open intervals end.
update registry.assignment set valid_to = coalesce(%(at)s, now()), ended_by = registry.acting(), end_note = %(note)s
where id = any (%(ids)s::int8[]);

-- name: begin_assignments
-- The next ones begin.
insert into registry.assignment (group_client_id, role, person, valid_from, note, assigned_by)
select c.id, %(role)s, %(person)s, coalesce(%(at)s, now()), %(note)s, registry.acting()
from unnest(%(ids)s::int4[]) c(id) order by c.id;

-- name: call_off
-- What lies ahead is not to be.
delete from registry.assignment where id = %(id)s and valid_from > now();

-- name: serve_on
-- Who was to hand over at that time does not.
update registry.assignment set valid_to = null, ended_by = null, end_note = null
where group_client_id = %(group_client_id)s and role = %(role)s and valid_to = %(valid_from)s;

-- name: list_assignments
-- One page of the assignments of the clients in scope, newest first.
select a.id, a.group_client_id, c.code as group_client_code, c.name as group_client_name, a.role, a.person, a.valid_from, a.valid_to,
    a.note, a.assigned_at, a.assigned_by, a.ended_by, a.end_note
from registry.assignment a join registry.group_client c on c.id = a.group_client_id
where (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(id)s::int8 is null or a.id = %(id)s)
    and (%(before)s::int8 is null or a.id < %(before)s)
    and (%(group_client_id)s::int4 is null or a.group_client_id = %(group_client_id)s)
    and (%(person)s::text is null or a.person = %(person)s)
    and (%(role)s::text is null or a.role = %(role)s)
    and (%(at)s::timestamptz is null or a.valid_from <= %(at)s and (a.valid_to is null or a.valid_to > %(at)s))
order by a.id desc limit %(rows)s;

-- name: list_people
-- One page of account managers and agents by name, and how many clients in scope each serves; all, or those who serve one.
select p.name, p.role, p.in_force, s.clients
from registry.people_who_serve() p
cross join lateral (
    select count(*) as clients from registry.assignment a join registry.group_client c on c.id = a.group_client_id
    where a.person = p.name and a.valid_from <= now() and (a.valid_to is null or a.valid_to > now())
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))) s
where p.name > %(after)s and (%(all)s or s.clients > 0) and (%(role)s::text is null or p.role = %(role)s)
order by p.name limit %(rows)s;
