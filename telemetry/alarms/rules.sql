-- name: insert_rule
-- A new rule, which is held against nothing until it is enabled.
insert into telemetry.rule (name, group_client_id, region_code, profile_id, collection_id, terminal_id, severity, criterion, for_seconds, schedule)
select %(name)s, %(group_client)s, case when %(group_client)s::int4 is null
    then coalesce(%(region)s::int4, (select r.code from registry.region r where r.parent_code is null order by r.code limit 1)) end,
    %(profile)s, %(collection)s, %(terminal)s, %(severity)s, %(criterion)s, %(for_seconds)s, %(schedule)s
returning id;

-- name: list_rules
-- One page of the rules in scope, by number, or the one of a number.
select r.id, r.version, r.name, r.group_client_id, c.code as group_client, r.region_code as region, p.code as profile,
    r.collection_id as collection, t.code as terminal, r.severity, r.criterion, r.for_seconds, r.schedule, r.enabled, r.created_at, r.changed_at
from telemetry.rule r left join registry.profile p on p.id = r.profile_id
left join registry.group_client c on c.id = r.group_client_id
left join registry.terminal t on t.id = r.terminal_id
where r.id > %(after)s and (%(id)s::int4 is null or r.id = %(id)s)
    and (%(everything)s or r.region_code between %(region_low)s and %(region_high)s
        or r.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(profile)s::text is null or p.code = %(profile)s)
    and (%(kind)s::text is null or r.criterion ->> 'kind' = %(kind)s)
    and (%(enabled)s::boolean is null or r.enabled = %(enabled)s)
order by r.id limit %(rows)s;

-- name: hold_rule
-- A rule stays as it is until this transaction ends.
select from telemetry.rule where id = %(id)s for update;

-- name: change_rule
-- Another name, severity or criterion, or held against readings or not. The rule was found in scope.
update telemetry.rule r set version = r.version + 1, changed_at = clock_timestamp(), name = %(name)s, severity = %(severity)s,
    held_since = case when (r.criterion, r.for_seconds, r.enabled) = (%(criterion)s, %(for_seconds)s, %(enabled)s)
        then r.held_since else clock_timestamp() end,
    criterion = %(criterion)s, for_seconds = %(for_seconds)s, schedule = %(schedule)s, enabled = %(enabled)s
where r.id = %(id)s
    and (%(everything)s or r.region_code between %(region_low)s and %(region_high)s
        or r.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: find_zone
-- Whether the database knows a time zone.
select name from pg_timezone_names where name = %(zone)s;
