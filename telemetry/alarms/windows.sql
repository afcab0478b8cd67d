-- name: insert_window
-- A window of maintenance.
insert into telemetry.maintenance_window (why, group_client_id, region_code, collection_id, terminal_id, begins_at, ends_at, made_by)
select %(why)s, %(group_client)s, case when %(group_client)s::int4 is null
    then coalesce(%(region)s::int4, (select r.code from registry.region r where r.parent_code is null order by r.code limit 1)) end,
    %(collection)s, %(terminal)s, %(begins_at)s, %(ends_at)s, %(by)s
returning id;

-- name: list_windows
-- One page of the windows in scope, the last made first, or the one of a number.
select w.id, w.version, w.why, c.code as group_client, w.region_code as region, w.collection_id as collection, t.code as terminal,
    w.begins_at, w.ends_at, w.made_by, w.made_at
from telemetry.maintenance_window w
left join registry.group_client c on c.id = w.group_client_id
left join registry.terminal t on t.id = w.terminal_id
where w.id < %(before)s and (%(id)s::int4 is null or w.id = %(id)s)
    and (%(everything)s or w.region_code between %(region_low)s and %(region_high)s
        or w.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(open)s::boolean is null or (w.ends_at > now()) = %(open)s)
order by w.id desc limit %(rows)s;

-- name: hold_window
-- A window stays as it is until this transaction ends.
select from telemetry.maintenance_window where id = %(id)s for update;

-- name: change_window
-- It ends sooner or later, or for another reason. It was found in scope.
update telemetry.maintenance_window w set version = w.version + 1, why = %(why)s, ends_at = greatest(%(ends_at)s, w.begins_at + interval '1 microsecond')
where w.id = %(id)s
    and (%(everything)s or w.region_code between %(region_low)s and %(region_high)s
        or w.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));
