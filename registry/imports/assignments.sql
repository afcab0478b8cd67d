-- name: hold_people
-- Whom a portion names stays what they are until it is applied.
select registry.hold_person(p.person) from (
    select distinct g.person from registry.imported_assignment g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s and g.person is not null order by 1) p;

-- name: hold_clients
-- The clients of a portion, held against others who would hand them over.
select from registry.group_client c
where c.code in (select g.group_client from registry.imported_assignment g where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s)
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.id for no key update;

-- name: judge
-- What stands in the way of each row of a portion, and from whom it takes a client over; who serves one as the row says is in nobody's way.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
with looked as (
    select g.*, p.name as named, c.id as seen_id
    from registry.imported_assignment_change g
    left join registry.people_who_serve() p on p.name = g.person and p.role = g.role and p.in_force
    left join registry.group_client c on c.id = g.client_id
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error'))
select %(import_id)s, l.row, v.column_name, v.code, v.severity, v.value
from looked l cross join lateral (values
    ('group_client', 'group_client_not_found', 'error', l.group_client, l.seen_id is null),
    ('person', 'person_cannot_serve', 'error', l.person, l.named is null and not l.known),
    ('effective_at', 'too_far_ahead', 'error', l.effective_at::text, l.effective_at > now() + interval '366 days'),
    ('group_client', 'hand_over_planned', 'error', l.last_person, l.seen_id is not null and not l.known and l.last_from > now()),
    ('person', 'serves_already', 'error', l.person, l.seen_id is not null and not l.known and l.last_person = l.person and l.last_to is null
        and l.last_from <= now()),
    ('effective_at', 'hand_over_too_early', 'error', coalesce(l.last_to, l.last_from)::text, l.seen_id is not null and not l.known
        and l.last_from <= now() and (l.begins_at <= l.last_from or l.begins_at < l.last_to)),
    ('person', 'taken_over', 'warning', l.last_person, l.seen_id is not null and l.last_person <> l.person and l.last_to is null and l.last_from <= now())
) v(column_name, code, severity, value, holds)
where v.holds
on conflict do nothing;

-- name: judge_after
-- Who is named a second time for one client and role.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
select n.import_id, n.row, 'group_client', 'twice_in_file', 'error', n.first_row::text
from (select g.import_id, g.row, min(g.row) over (partition by g.group_client, g.role) as first_row
    from registry.imported_assignment g where g.import_id = %(import_id)s and g.group_client is not null and g.role is not null) n
where n.row > n.first_row and n.row between %(low)s and %(high)s
on conflict do nothing;

-- name: count_known
-- How many rows of a portion say what holds already.
select count(*) as known from registry.imported_assignment_change g
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s and g.known
    and not exists (select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error');

-- name: serve
-- Whoever served the clients of a portion does so no longer, those whom it names do; and which row did which.
with given as materialized (
    select g.row, g.client_id, g.role, g.person, g.begins_at, g.note, case when g.last_to is null then g.last_id end as former_id
    from registry.imported_assignment_change g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s and not g.known
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')),
ended as (
    update registry.assignment a set valid_to = g.begins_at, ended_by = registry.acting(), end_note = null
    from given g where a.id = g.former_id returning g.row),
begun as (
    insert into registry.assignment (group_client_id, role, person, valid_from, note, assigned_by)
    select g.client_id, g.role, g.person, g.begins_at, g.note, registry.acting()
    from given g left join ended e on e.row = g.row
    where g.former_id is null or e.row is not null order by g.row
    returning id, group_client_id, role)
insert into registry.import_made (import_id, row, id, tenant, before)
select %(import_id)s, g.row, b.id, 0, case when g.former_id is not null then jsonb_build_object('former', g.former_id, 'until', g.begins_at) end
from begun b join given g on g.client_id = b.group_client_id and g.role = b.role;

-- name: judge_undo
-- Of which assignments something has happened since, or whom nobody could be given back to.
update registry.import_made m set kept = v.why
from (
    select m.row, case
        when a.id is null then 'gone'
        when a.valid_to is not null then 'changed'
        when exists (select from registry.client_file_move f where f.group_client_id = a.group_client_id and f.actor = 'user:' || a.person
            and f.at > a.assigned_at) then 'worked'
        when m.before is not null and not exists (select from registry.assignment o
            join registry.people_who_serve() p on p.name = o.person and p.role = o.role and p.in_force
            where o.id = (m.before ->> 'former')::int8 and o.valid_to = a.valid_from) then 'former_gone'
        end as why
    from registry.import_made m left join registry.assignment a on a.id = m.id
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and not m.undone) v
where m.import_id = %(import_id)s and m.row = v.row and m.kept is distinct from v.why;

-- name: delete_assignments
-- As if they had never been.
delete from registry.assignment a using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and a.id = m.id;

-- name: serve_on
-- Whoever served before serves on.
update registry.assignment a set valid_to = null, ended_by = null, end_note = null
from registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and a.id = (m.before ->> 'former')::int8
    and a.valid_to = (m.before ->> 'until')::timestamptz
    and not exists (select from registry.assignment n where n.group_client_id = a.group_client_id and n.role = a.role and n.valid_from >= a.valid_to);

-- name: export
-- Some clients in scope with who serves them, or is going to, as rows of a file.
select a.id, array[c.code, a.role, a.person, to_char(a.valid_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.note] as cells
from registry.assignment a join registry.group_client c on c.id = a.group_client_id
where a.id > %(after)s and a.valid_to is null
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by a.id limit %(rows)s;
