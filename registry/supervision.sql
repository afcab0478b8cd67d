-- Where clients stand: triggers keep the intervals as their rows change.

-- name: move_client
-- A region supervises a client from now on, at its own level.
update registry.group_client c set region_code = r.code, level = r.level, version = c.version + 1
from registry.region r where c.id = %(id)s and r.code = %(region)s and (c.region_code, c.level) <> (r.code, r.level);

-- name: put_below
-- A client is below another one, or none, from now on.
update registry.group_client c set parent_id = %(parent_id)s, version = c.version + 1
where c.id = %(id)s and c.parent_id is distinct from %(parent_id)s;

-- name: list_supervision
-- Who supervised a client from when to when, the latest first.
select s.region_code, s.level, s.valid_from, s.valid_to, s.moved_by from registry.supervision s
where s.group_client_id = %(id)s
    and (%(everything)s or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by s.valid_from desc limit %(most)s;

-- name: list_parents
-- Below whom a client was from when to when, the latest first; who the other one is only where the scope sees it.
select p.parent_id is not null as below_another, c.code as parent_code, p.valid_from, p.valid_to, p.moved_by
from registry.parentage p left join registry.group_client c on c.id = p.parent_id
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
where p.group_client_id = %(id)s
    and (%(everything)s or p.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by p.valid_from desc limit %(most)s;
