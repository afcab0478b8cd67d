-- name: list_enabled
-- The rules that are judged by time, and how often terminals of their profile report.
select r.id, r.criterion, r.for_seconds, r.profile_id, p.expected_interval_seconds as interval_seconds
from telemetry.rule r left join registry.profile p on p.id = r.profile_id
where r.enabled and r.by_time order by r.id;

-- name: list_open
-- What is open of them.
select a.rule_id, a.terminal_id, (extract(epoch from a.raised_at) * 1000000)::int8 as raised_us
from telemetry.alarm a join telemetry.rule r on r.id = a.rule_id and r.by_time
where a.cleared_at is null;

-- name: pack_members
-- The terminals that a rule may be of now, packed: the smallest set that it names, of its profile and in service; of those that
-- its owner has, where it is of a collection by query, whom that finds.
select string_agg(int4send(t.id), '') as packed
from telemetry.rule r left join registry.collection c on c.id = r.collection_id
cross join lateral (
    select t.id, t.profile_id, t.state, t as whole from registry.terminal t where t.id = r.terminal_id
    union all
    select t.id, t.profile_id, t.state, t from registry.collection_member m join registry.terminal t on t.id = m.terminal_id
    where r.terminal_id is null and c.query is null and m.collection_id = r.collection_id
    union all
    select t.id, t.profile_id, t.state, t from registry.group_clients_of(0, -1, array[r.group_client_id]) o(id) join registry.terminal t on t.group_client_id = o.id
    where r.terminal_id is null and (c.id is null or c.query is not null) and r.group_client_id is not null
    union all
    select t.id, t.profile_id, t.state, t from registry.region g join registry.terminal t on t.region_code between g.code and g.last_code
    where r.terminal_id is null and (c.id is null or c.query is not null) and g.code = r.region_code) t
where r.id = %(rule)s and t.profile_id = r.profile_id and t.state = 'in_service'
    and (c.query is null or telemetry.query_finds(c.query, t.whole));

-- name: pack_told
-- When each of these terminals last told a metric, by our clock, packed: as long before data came last as in its own time.
select string_agg(int4send(p.terminal_id) || int8send((extract(epoch from p.data_at - (n.time - l.time)) * 1000000)::int8), '') as packed
from telemetry.presence p join telemetry.latest l on l.terminal_id = p.terminal_id and l.metric = %(metric)s
cross join lateral (select max(o.time) as time from telemetry.latest o where o.terminal_id = p.terminal_id) n
where p.terminal_id = any (%(ids)s::int4[]) and p.data_at is not null;

-- name: find_silence_rules
-- Which rule the silence of each of these is held against; of who is not in service none.
select t.id as terminal_id, r.id as rule_id, r.for_seconds
from unnest(%(ids)s::int4[]) i(id) join registry.terminal t on t.id = i.id and t.state = 'in_service'
join telemetry.rule r on r.id = telemetry.silence_rule(%(of)s, t);

-- name: raise_alarms
-- Alarms of terminals that a rule is of, from when they were in service and their owner's; not of what somebody has ended already.
-- In a storm they are quiet; of a rule that does not act now there is none yet.
insert into telemetry.alarm (rule_id, rule_version, rule_name, terminal_id, group_client_id, region_code, severity, metric, raised_at, last_at,
    parent_id, quiet)
select r.id, r.version, r.name, t.id, t.group_client_id, t.region_code, r.severity, r.criterion ->> 'metric', w.raised_at, w.raised_at,
    n.parent_id, n.parent_id is not null
from unnest(%(rules)s::int4[], %(terminals)s::int4[], %(since_us)s::int8[], %(raised_us)s::int8[], %(parents)s::int8[])
    n(rule_id, terminal_id, since_us, raised_us, parent_id)
join telemetry.rule r on r.id = n.rule_id
join registry.terminal t on t.id = n.terminal_id
cross join lateral (select greatest(telemetry.instant(n.raised_us), t.owner_since, t.state_since) as raised_at) w
where telemetry.rule_is_of(r, t) and telemetry.acts_at(r.schedule, telemetry.instant(%(now_us)s)) and not exists (
    select from telemetry.alarm p where p.terminal_id = t.id and p.rule_id = r.id and p.cleared_because = 'person'
        and p.group_client_id is not distinct from t.group_client_id and p.raised_at >= greatest(telemetry.instant(n.since_us), t.state_since))
on conflict (terminal_id, rule_id) where cleared_at is null do nothing
returning rule_id, terminal_id, (extract(epoch from raised_at) * 1000000)::int8 as raised_us;

-- name: end_alarms
-- What was missed is back, for good.
update telemetry.alarm a set cleared_at = greatest(telemetry.instant(n.cleared_us), a.raised_at),
    last_at = greatest(telemetry.instant(n.cleared_us), a.last_at), cleared_because = 'return'
from unnest(%(rules)s::int4[], %(terminals)s::int4[], %(cleared_us)s::int8[]) n(rule_id, terminal_id, cleared_us)
where a.rule_id = n.rule_id and a.terminal_id = n.terminal_id and a.cleared_at is null;

-- name: count_again
-- What was missed came, and was gone again before that was for good. It is told where what made it quiet is over.
update telemetry.alarm a set count = a.count + 1, last_at = greatest(telemetry.instant(n.at_us), a.last_at),
    quiet = a.quiet and (exists (select from telemetry.alarm s where s.id = a.parent_id and s.cleared_at is null)
        or exists (select from telemetry.maintenance_window w where w.id = a.window_id and w.ends_at > now()))
from unnest(%(rules)s::int4[], %(terminals)s::int4[], %(at_us)s::int8[]) n(rule_id, terminal_id, at_us)
where a.rule_id = n.rule_id and a.terminal_id = n.terminal_id and a.cleared_at is null;
