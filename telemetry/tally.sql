-- name: hold_clock
-- How far the roll was called, held against other callers, and whether what changed since is still known.
select turn, position::text as position, as_of > now() - make_interval(secs => %(kept_seconds)s) as known
from telemetry.roll_call_clock for update;

-- name: read_position
-- Where in the feed of changes a reader stands who reads the tables after this.
select pg_snapshot_xmin(pg_current_snapshot())::text as position, clock_timestamp() as at;

-- name: list_changed
-- Which terminals changed, or their presence did, in transactions that were open at a position or came later.
select coalesce(array_agg(distinct id), '{}') as ids from registry.change
where xact >= %(position)s::xid8 and kind in ('terminal', 'presence');

-- name: list_next
-- The next terminals by number.
select coalesce(array_agg(id), '{}') as ids
from (select id from registry.terminal where id > %(after)s order by id limit %(rows)s) t;

-- name: call_roll
-- Call these terminals.
select telemetry.call_roll(%(ids)s::int4[]);

-- name: advance_clock
-- How far the roll was called.
update telemetry.roll_call_clock set turn = %(turn)s, position = coalesce(%(position)s::xid8, position),
    as_of = coalesce(%(at)s, as_of), complete = complete or %(position)s::xid8 is not null;

-- name: note_presence
-- Whose data has come or gone, for the next roll call.
insert into registry.change (kind, id) select 'presence', unnest(%(terminal_ids)s::int4[]);

-- name: read_clock
-- Until when the sums are known, and whether they are of everybody.
select as_of, complete from visible.roll_call_clock;

-- name: sum_tally
-- The fleet in scope, added up: all owners' terminals in the scope's region, and what its clients have elsewhere.
select p.sector, case r.level when 'city' then r.parent_code else r.code end as province_code, t.state, t.data, sum(t.terminals)::int8 as terminals
from (
    select t.region_code, t.profile_id, t.state, t.data, t.terminals from visible.tally t
    where t.group_client_id = -1 and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s)
    union all
    select t.region_code, t.profile_id, t.state, t.data, t.terminals from visible.tally t
    where not %(everything)s and not t.region_code between %(region_low)s and %(region_high)s
        and t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))) t
join registry.profile p on p.id = t.profile_id
join registry.region r on r.code = t.region_code
group by 1, 2, 3, 4 having sum(t.terminals) > 0 order by 1, 2, 3, 4;

-- name: sum_fleet
-- The same, counted one by one.
select p.sector, case r.level when 'city' then r.parent_code else r.code end as province_code, t.state,
    case when s.data_at is null then 'never' when s.silent_since is not null then 'silent' else 'online' end as data, count(*) as terminals
from registry.terminal t
join registry.profile p on p.id = t.profile_id
join registry.region r on r.code = t.region_code
left join visible.presence s on s.terminal_id = t.id
where %(everything)s or t.region_code between %(region_low)s and %(region_high)s
    or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))
group by 1, 2, 3, 4 order by 1, 2, 3, 4;

-- name: count_tally
-- How many terminals in scope are of these clients (null: of all), in this region, of these profiles and this state and data.
select coalesce(sum(t.terminals), 0)::int8 as terminals
from (
    select t.* from visible.tally t
    where %(clients)s::int4[] is null and t.group_client_id = -1 and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s)
    union all
    select t.* from visible.tally t
    where %(clients)s::int4[] is null and not %(everything)s and not t.region_code between %(region_low)s and %(region_high)s
        and t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))
    union all
    select t.* from visible.tally t
    where t.group_client_id in (select registry.group_clients_of(0, -1, %(clients)s::int4[]))
        and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
            or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))) t
where (%(low)s::int4 is null or t.region_code between %(low)s and %(high)s)
    and (%(state)s::text is null or t.state = %(state)s)
    and (%(profile_ids)s::int4[] is null or t.profile_id = any (%(profile_ids)s))
    and (%(data)s::text is null or t.data = %(data)s or %(data)s = 'absent' and t.data <> 'online');

-- name: count_terminals
-- How many terminals are asked for, up to a bound.
select telemetry.count_terminals(%(wanted)s, %(most)s) as terminals;

-- name: estimate_terminals
-- About how many terminals are asked for, by lot.
select telemetry.estimate_terminals(%(wanted)s, %(drawn)s) as terminals;
