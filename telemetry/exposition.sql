-- part: bound
select coalesce(sum(n.terminals), 0)::int8 as terminals,
    coalesce(sum(n.terminals * (1 + (select count(*) from registry.profile_metric m
        where m.profile_id = n.profile_id and m.type <> 'text' and not m.hidden))), 0)::int8 as series

-- part: page_of_targets
where c.code > %(after)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and exists (select from registry.terminal t where t.group_client_id = c.id and t.state <> 'retired')
order by c.code limit %(rows)s

-- name: find_exposed_client
-- A group client in scope, with how many series its tier lets it have, and until when presence is known.
select c.id, t.series_cap, (select as_of from visible.presence_clock) as as_of
from registry.group_client c join registry.tier t on t.code = c.tier_code
where c.code = %(code)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: bound_series
-- How many terminals a client has, and how many series they would be if all were heard of with every metric.
-- with: bound
from (select t.profile_id, count(*) as terminals from registry.terminal t
    where t.group_client_id = %(client_id)s and t.state <> 'retired' group by 1) n;

-- name: read_newest
-- What a client's terminals said last, by profile and metric.
select profile_id, metric, terminals, heard, series, lowest, highest, mean, ids, numbers, codes
from visible.newest_of_client(%(client_id)s, %(packed)s);

-- name: list_exposed_metrics
-- The metrics of some profiles that are numbers and shown.
select p.id as profile_id, p.code as profile, m.name, m.unit, m.title_en as title
from registry.profile p left join registry.profile_metric m on m.profile_id = p.id and m.type <> 'text' and not m.hidden
where p.id = any (%(profile_ids)s::int4[]) order by p.code, m.name;

-- name: list_targets
-- A page of the clients in scope that have terminals, by code.
select c.code, c.region_code, case r.level when 'city' then r.parent_code else r.code end as province_code,
    c.industry_code, c.tier_code
from registry.group_client c join registry.region r on r.code = c.region_code
-- with: page_of_targets
;

-- name: list_series_use
-- A page of the clients in scope that have terminals, with the series that each may have, and has at most.
select l.code, l.name, l.tier_code, l.series_cap, n.terminals, n.series
from (
    select c.id, c.code, c.name, c.tier_code, t.series_cap
    from registry.group_client c join registry.tier t on t.code = c.tier_code
    -- with: page_of_targets
) l cross join lateral (
    -- with: bound
    from (select t.profile_id, count(*) as terminals from registry.terminal t
        where t.group_client_id = l.id and t.state <> 'retired' group by 1) n) n
order by l.code;
