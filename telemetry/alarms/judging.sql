-- name: list_enabled
-- The rules that readings are held against.
select id, version, profile_id, criterion, for_seconds from telemetry.rule where enabled and not by_time order by id;

-- name: forget_what_was_held_otherwise
-- How terminals stood to rules that are not held any more, or to something else, says nothing.
delete from telemetry.rule_standing s using telemetry.rule r
where r.id = s.rule_id and (not r.enabled or r.held_since > s.kept_at);

-- name: list_standings
-- Terminals that do not stand well to a rule that is enabled.
select s.rule_id, s.terminal_id, s.newest_us, s.bad_since_us, s.is_raised
from telemetry.rule_standing s join telemetry.rule r on r.id = s.rule_id and r.enabled;

-- name: list_newest
-- Before these batches: when some terminals told these metrics last, and what; of several the newest.
select distinct on (l.terminal_id) l.terminal_id, (extract(epoch from l.time) * 1000000)::int8 as time_us, l.number
from telemetry.latest l where l.terminal_id = any (%(ids)s::int4[]) and l.metric = any (%(metrics)s::text[])
order by l.terminal_id, l.time desc;

-- name: raise_alarms
-- Alarms of terminals that a rule is of, in service, in their owner's time, when the rule acts; some are over already.
insert into telemetry.alarm (rule_id, rule_version, rule_name, terminal_id, group_client_id, region_code, severity, metric, value,
    raised_at, last_at, count, cleared_at, cleared_because)
select r.id, r.version, r.name, t.id, t.group_client_id, t.region_code, r.severity, n.metric, n.value,
    telemetry.instant(n.raised_us), telemetry.instant(n.last_us), n.count, telemetry.instant(n.cleared_us),
    case when n.cleared_us is not null then 'reading' end
from unnest(%(rules)s::int4[], %(terminals)s::int4[], %(metrics)s::text[], %(values)s::float8[], %(raised_us)s::int8[],
    %(lasts_us)s::int8[], %(counts)s::int4[], %(cleared_us)s::int8[])
    with ordinality n(rule_id, terminal_id, metric, value, raised_us, last_us, count, cleared_us, k)
join telemetry.rule r on r.id = n.rule_id
join registry.terminal t on t.id = n.terminal_id
where telemetry.rule_is_of(r, t) and telemetry.instant(n.raised_us) >= t.owner_since
    and telemetry.acts_at(r.schedule, telemetry.instant(n.raised_us))
order by n.k
on conflict (terminal_id, rule_id) where cleared_at is null do nothing
returning rule_id, terminal_id;

-- name: keep_alarms
-- Open alarms that were seen again, or that a reading ended.
update telemetry.alarm a set last_at = greatest(a.last_at, telemetry.instant(n.last_us)), count = a.count + n.count,
    value = coalesce(n.value, a.value), cleared_at = telemetry.instant(n.cleared_us),
    cleared_because = case when n.cleared_us is not null then 'reading' end
from unnest(%(rules)s::int4[], %(terminals)s::int4[], %(values)s::float8[], %(lasts_us)s::int8[], %(counts)s::int4[], %(cleared_us)s::int8[])
    n(rule_id, terminal_id, value, last_us, count, cleared_us)
where a.rule_id = n.rule_id and a.terminal_id = n.terminal_id and a.cleared_at is null
returning a.rule_id, a.terminal_id;

-- name: keep_standings
-- How terminals stand now that do not stand well.
insert into telemetry.rule_standing as s (rule_id, terminal_id, newest_us, bad_since_us, is_raised)
select n.* from unnest(%(rules)s::int4[], %(terminals)s::int4[], %(newest_us)s::int8[], %(since_us)s::int8[], %(raised)s::boolean[])
    n(rule_id, terminal_id, newest_us, bad_since_us, is_raised)
join telemetry.rule r on r.id = n.rule_id
order by n.rule_id, n.terminal_id
on conflict (rule_id, terminal_id) do update
set newest_us = excluded.newest_us, bad_since_us = excluded.bad_since_us, is_raised = excluded.is_raised, kept_at = now();

-- name: drop_standings
-- Of terminals that stand well again.
delete from telemetry.rule_standing s using unnest(%(rules)s::int4[], %(terminals)s::int4[]) n(rule_id, terminal_id)
where s.rule_id = n.rule_id and s.terminal_id = n.terminal_id;
