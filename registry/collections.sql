-- name: insert_collection
-- A new set of terminals; one of nobody in particular is the root region's.
insert into registry.collection (name, group_client_id, region_code, query)
select %(name)s, %(group_client_id)s, case when %(group_client_id)s::int4 is null
    then coalesce(%(region)s::int4, (select r.code from registry.region r where r.parent_code is null order by r.code limit 1)) end, %(query)s
returning id;

-- name: list_collections
-- One page of the collections in scope, by number, or the one of a number.
select c.id, c.name, c.group_client_id, g.code as group_client_code, c.region_code, c.query, c.created_at, c.version
from registry.collection c left join registry.group_client g on g.id = c.group_client_id
where c.id > %(after)s and (%(id)s::int4 is null or c.id = %(id)s)
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(group_client)s::int4 is null
        or c.group_client_id in (select registry.group_clients_of(0, -1, array[%(group_client)s]::int4[])))
order by c.id limit %(rows)s;

-- name: change_collection
-- Another name, another query; what is null stays. The collection was found in scope.
update registry.collection c set version = c.version + 1, name = coalesce(%(name)s, c.name), query = coalesce(%(query)s, c.query)
where c.id = %(id)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: empty_collection
-- Everything is taken out of a collection that was found in scope.
delete from registry.collection_member where collection_id = %(id)s;

-- name: delete_collection
-- A collection in scope is taken apart.
delete from registry.collection c where c.id = %(id)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: find_for_members
-- The terminals in scope that have one of these codes, and whether a collection's owner has them.
select t.id, t.code, coalesce(%(owner)s::int4 is null
    or t.group_client_id in (select registry.group_clients_of(0, -1, array[%(owner)s]::int4[])), false) as is_owners
from registry.terminal t
where t.code = any (%(codes)s)
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: add_members
-- Terminals come into a collection; those that are in it stay.
insert into registry.collection_member (collection_id, terminal_id)
select %(id)s, unnest(%(terminal_ids)s::int4[]) on conflict do nothing;

-- name: remove_members
-- Terminals go out of a collection.
delete from registry.collection_member where collection_id = %(id)s and terminal_id = any (%(terminal_ids)s);

-- name: count_change
-- A change of who is in it is one of the collection.
update registry.collection set version = version + 1 where id = %(id)s;

-- name: list_members
-- One page of the terminals in scope that are in a collection by hand, by number; of a client's those that it owns.
select t.id from registry.collection_member m join registry.terminal t on t.id = m.terminal_id
where m.collection_id = %(id)s and m.terminal_id > %(after)s
    and (%(owner)s::int4 is null or t.group_client_id in (select registry.group_clients_of(0, -1, array[%(owner)s]::int4[])))
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by m.terminal_id limit %(rows)s;

-- name: list_found
-- One page of the terminals in scope that a collection's query finds now, by code.
select t.id, t.code from registry.terminal t join registry.profile p on p.id = t.profile_id
where t.code > %(after)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(owner)s::int4 is null or t.group_client_id in (select registry.group_clients_of(0, -1, array[%(owner)s]::int4[])))
    and (%(group_client)s::int4 is null
        or t.group_client_id in (select registry.group_clients_of(0, -1, array[%(group_client)s]::int4[])))
    and (%(prefix_low)s::text is null or t.code >= %(prefix_low)s and t.code < %(prefix_high)s)
    and (%(low)s::int4 is null or t.region_code between %(low)s and %(high)s)
    and (%(state)s::text is null or t.state = %(state)s)
    and (%(profile)s::text is null or p.code = %(profile)s)
    and (%(sector)s::text is null or p.sector = %(sector)s)
    and (%(tag)s::text is null or t.tags @> array[%(tag)s]::text[])
order by t.code limit %(rows)s;
