-- name: list_thresholds
-- When many that fell silent are a storm.
select shared, least, share, window_seconds from telemetry.storm_threshold;

-- name: list_shared
-- What each of these terminals, in service and no maintenance window, shares with others. Who is in a storm that somebody has
-- ended makes no other.
select t.id, t.region_code::text as city, p.code as profile, g.code as gateway, i.apn
from unnest(%(ids)s::int4[]) n(id) join registry.terminal t on t.id = n.id and t.state = 'in_service'
join registry.profile p on p.id = t.profile_id
left join registry.terminal g on g.id = t.gateway_id
left join telemetry.identity i on i.terminal_id = t.id
where telemetry.window_of(t) is null and not exists (
    select from telemetry.alarm c join telemetry.alarm s on s.id = c.parent_id and s.cleared_because = 'person'
    where c.terminal_id = t.id and c.cleared_at is null);

-- name: count_sharing
-- How many in service share something and were not silent at a time, up to a bound.
select count(*)::int4 as terminals from (
    select from (
        select t.id, t.state from registry.terminal t where t.region_code = %(city)s::int4
        union all
        select t.id, t.state from registry.profile p join registry.terminal t on t.profile_id = p.id where p.code = %(profile)s
        union all
        select t.id, t.state from registry.terminal g join registry.terminal t on t.gateway_id = g.id where g.code = %(gateway)s
        union all
        select t.id, t.state from telemetry.identity i join registry.terminal t on t.id = i.terminal_id where i.apn = %(apn)s) t
    join telemetry.presence p on p.terminal_id = t.id
    where t.state = 'in_service' and (p.silent_since is null or p.silent_since >= %(since)s)
    limit %(most)s) s;

-- name: list_open
-- The storms that are open, with the terminals whose alarms they have gathered.
select a.id, a.shared, a.shared_key, a.count, coalesce((select array_agg(distinct c.terminal_id) from telemetry.alarm c
    where c.parent_id = a.id), '{}') as ids
from telemetry.alarm a where a.shared is not null and a.cleared_at is null order by a.id;

-- name: list_still_open
-- Which storms are open.
select a.id from telemetry.alarm a where a.shared is not null and a.cleared_at is null;

-- name: open_storm
-- The one alarm of many, where the smallest region lies that they are all in.
insert into telemetry.alarm (rule_version, rule_name, region_code, severity, shared, shared_key, raised_at, last_at, count)
select 0, s.name, (select g.code from registry.region g, (select min(t.region_code) as low, max(t.region_code) as high
        from registry.terminal t where t.id = any (%(ids)s::int4[])) m
        where g.code <= m.low and m.high <= g.last_code order by g.last_code - g.code, g.code desc limit 1),
    s.severity, s.shared, %(key)s, telemetry.instant(%(first_us)s), telemetry.instant(%(now_us)s), cardinality(%(ids)s::int4[])
from telemetry.storm_threshold s where s.shared = %(shared)s
returning id;

-- name: gather
-- Open alarms of silence of these terminals come under a storm's, which grows; so do those of storms that it takes in.
with gathered as (
    update telemetry.alarm a set parent_id = %(id)s, quiet = true
    from telemetry.rule r
    where r.id = a.rule_id and r.by_time and r.criterion ->> 'kind' = 'silence' and a.cleared_at is null
        and (a.terminal_id = any (%(ids)s::int4[]) or a.parent_id = any (%(taken_in)s::int8[])))
update telemetry.alarm a set count = %(count)s, last_at = greatest(a.last_at, telemetry.instant(%(now_us)s)) where a.id = %(id)s;

-- name: end_storms
-- Storms are over: because those that they gathered are back, or because another takes them in.
update telemetry.alarm a set cleared_at = greatest(telemetry.instant(%(now_us)s), a.raised_at), cleared_because = %(because)s
where a.id = any (%(ids)s::int8[]) and a.cleared_at is null;

-- name: let_stand_alone
-- Who is still silent when a storm is over has an alarm of its own, unless it is in a maintenance window.
update telemetry.alarm a set quiet = false
where a.parent_id = any (%(ids)s::int8[]) and a.terminal_id = any (%(silent)s::int4[]) and a.cleared_at is null and a.quiet
    and not exists (select from telemetry.maintenance_window w where w.id = a.window_id and w.ends_at > now());
