-- name: count_quarantine_rows
-- Refused messages by reason.
select reason, count(*) as items from telemetry.quarantine group by reason;

-- name: measure_lag
-- How long ago the oldest batch was committed that a follower has not seen yet.
select follower, max(seconds)::float8 as seconds from telemetry.feed_lags() group by follower;

-- name: count_customers
-- Customers by industry and by tier, and by how their files stand; what has none has 0.
with customer as (
    select c.industry_code, c.tier_code, case when c.file_state in ('verified', 'due') then c.file_state else 'unverified' end as file
    from registry.group_client c where c.standing = 'customer'),
file as (select * from (values ('verified'), ('due'), ('unverified')) f(file))
select 'industry' as by, i.code as key, f.file, count(c.file) as customers
from registry.industry i cross join file f left join customer c on c.industry_code = i.code and c.file = f.file group by 2, 3
union all
select 'tier', t.code, f.file, count(c.file)
from registry.tier t cross join file f left join customer c on c.tier_code = t.code and c.file = f.file group by 2, 3;

-- name: count_alarms
-- Open alarms by sector, province and severity, shelved ones too.
select p.sector, case r.level when 'city' then r.parent_code else r.code end as province, a.severity, count(*) as alarms
from telemetry.alarm a join registry.terminal t on t.id = a.terminal_id join registry.profile p on p.id = t.profile_id
join registry.region r on r.code = a.region_code
where a.cleared_at is null group by 1, 2, 3;
