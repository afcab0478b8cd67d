-- name: spread
-- Find who is to be told of the next turns of alarms, unless another process is at it.
select s.taken, s.put from (select pg_try_advisory_xact_lock(hashtextextended('muster spreading', 0)) as ours) l
cross join lateral telemetry.spread_alarm_changes(%(rows)s) s where l.ours;

-- name: list_turns
-- These turns of alarms in their order, for who follows the feed; those of many terminals are of none.
select h.alarm_id as alarm, h.event, h.by, coalesce(a.terminal_id, 0) as terminal_id, (extract(epoch from h.at) * 1000000)::int8 as at_us
from telemetry.alarm_change h join telemetry.alarm a on a.id = h.alarm_id where h.id = any (%(ids)s::int8[]) order by h.id;

-- name: claim_channels
-- Channels by which something is due, for this holder; those that others are just taking are passed over.
update telemetry.channel_state s set holder = %(holder)s, held_until = now() + make_interval(secs => %(seconds)s)
where s.channel_id in (
    select w.channel_id from telemetry.channel_state w
    where w.due_at <= now() and coalesce(w.held_until, '-infinity') < now() and coalesce(w.resting_until, '-infinity') <= now()
    order by w.due_at limit %(rows)s for update skip locked)
returning s.channel_id;

-- name: find_claimed
-- A channel that is held, and whether its owner is to be told anything by it.
select c.id, c.kind, c.name, c.place, c.sealed_address, c.sealed_secret, case when c.former_until > now() then c.sealed_former_secret end
    as sealed_former_secret, c.language, c.removed_at is null and telemetry.owner_is_there(c) as is_there,
    c.enabled and c.verified_at is not null and c.stopped_because is null as is_live
from telemetry.notification_channel c where c.id = %(channel)s;

-- name: find_waiting
-- What goes out next by a channel: the oldest that waits, tests first.
select id, form, tries from telemetry.notification_delivery
where channel_id = %(channel)s and state = 'waiting' order by form = 'test' desc, id limit 1;

-- name: list_due
-- Changes that go out together, in their order.
select change_id from telemetry.notification_item
where channel_id = %(channel)s and delivery_id is null and due_at <= now() order by change_id limit %(rows)s;

-- name: insert_delivery
-- They are one delivery from now on, whatever becomes of it.
with made as (
    insert into telemetry.notification_delivery (channel_id, form, changes)
    values (%(channel)s, 'alarms', cardinality(%(changes)s::int8[])) returning id, form, tries),
given as (
    update telemetry.notification_item i set delivery_id = m.id from made m
    where i.channel_id = %(channel)s and i.change_id = any (%(changes)s::int8[]))
select id, form, tries from made;

-- name: list_told
-- What a delivery tells, in order; the alarms as they are now. Of a storm a client's channel counts the client's own.
select h.id as change, h.event, h.at, h.by, a.id as alarm, a.rule_id as rule, a.rule_name, o.terminal_code as terminal, a.shared, a.shared_key,
    g.code as group_client, a.region_code as region, a.severity, a.metric, a.value, a.raised_at, a.told_at, a.last_at, a.cleared_at,
    case when a.shared is null or n.group_client_id is null then a.count else telemetry.storm_of_client(a.id, n.group_client_id) end as count,
    a.cleared_because, a.acknowledged_at, a.acknowledged_by, a.assignee
from telemetry.notification_item i join telemetry.alarm_change h on h.id = i.change_id join telemetry.alarm a on a.id = h.alarm_id
join telemetry.notification_channel n on n.id = i.channel_id
left join registry.ownership o on o.terminal_id = a.terminal_id and a.raised_at >= o.valid_from and (o.valid_to is null or a.raised_at < o.valid_to)
left join registry.group_client g on g.id = a.group_client_id
where i.delivery_id = %(delivery)s order by h.id limit %(rows)s;

-- name: sum_told
-- How much of what a delivery tells.
select h.event, a.severity, count(*) as changes
from telemetry.notification_item i join telemetry.alarm_change h on h.id = i.change_id join telemetry.alarm a on a.id = h.alarm_id
where i.delivery_id = %(delivery)s group by h.event, a.severity;

-- name: hold_state
-- A channel that is still ours to write of.
select failures, failing_since from telemetry.channel_state where channel_id = %(channel)s and holder = %(holder)s for no key update;

-- name: end_try
-- What became of a try.
update telemetry.notification_delivery set tries = tries + 1, tried_at = now(), status = %(status)s, problem = %(problem)s, state = %(state)s,
    ended_at = case when %(state)s <> 'waiting' then now() end
where id = %(delivery)s and state = 'waiting';

-- name: verify
-- A test arrived: the channel is used from now on, or again.
update telemetry.notification_channel set verified_at = coalesce(verified_at, now()), stopped_because = null where id = %(channel)s;

-- name: stop
-- Nothing more goes out by a channel until a test arrives.
update telemetry.notification_channel set stopped_because = %(because)s where id = %(channel)s;

-- name: drop_items
-- What is not told any more: nobody is there to be told.
with gone as (delete from telemetry.notification_item where channel_id = %(channel)s and delivery_id is null returning 1),
dropped as (
    update telemetry.notification_delivery set state = 'dropped', ended_at = now()
    where channel_id = %(channel)s and state = 'waiting' and (form = 'alarms' or %(tests)s))
insert into telemetry.notification_delivery (channel_id, form, changes, state, ended_at)
select %(channel)s, 'alarms', count(*), 'dropped', now() from gone having count(*) > 0;

-- name: give_back
-- A channel for whoever comes next, when something is due again.
update telemetry.channel_state set holder = null, held_until = null, failures = %(failures)s, failing_since = %(failing_since)s,
    delivered_at = case when %(delivered)s then now() else delivered_at end,
    resting_until = now() + make_interval(secs => %(rest_seconds)s),
    due_at = least(
        (select min(d.created_at) from telemetry.notification_delivery d where d.channel_id = %(channel)s and d.state = 'waiting'),
        (select min(i.due_at) from telemetry.notification_item i where i.channel_id = %(channel)s and i.delivery_id is null))
where channel_id = %(channel)s;

-- name: tell_again
-- Alertmanagers hear again of what is open, as nothing else keeps it there: its opening goes out once more, in a delivery of its own.
with stale as (
    select i.channel_id, i.change_id from telemetry.notification_channel c
    cross join telemetry.alarm a join telemetry.alarm_change h on h.alarm_id = a.id and h.event = 'opened'
    join telemetry.notification_item i on i.channel_id = c.id and i.change_id = h.id
    join telemetry.notification_delivery d on d.id = i.delivery_id and d.state = 'delivered'
        and d.ended_at < now() - make_interval(secs => %(seconds)s)
    where c.kind = 'alertmanager' and c.enabled and c.verified_at is not null and c.stopped_because is null and c.removed_at is null
        and a.cleared_at is null and not a.quiet and coalesce(a.shelved_until, '-infinity') <= now()
    order by i.channel_id, i.change_id limit %(rows)s for update of i skip locked),
again as (
    update telemetry.notification_item i set delivery_id = null, due_at = now() from stale s
    where i.channel_id = s.channel_id and i.change_id = s.change_id returning i.channel_id),
woken as (
    update telemetry.channel_state t set due_at = least(t.due_at, now())
    from (select distinct channel_id from again) w where t.channel_id = w.channel_id)
select count(*) as changes from again;

-- name: forget_deliveries
-- What went out long ago.
delete from telemetry.notification_delivery where id in (
    select d.id from telemetry.notification_delivery d
    where d.state <> 'waiting' and d.ended_at < now() - make_interval(days => %(days)s) limit %(rows)s);

-- name: forget_changes
-- Turns of alarms that were spread long ago; but the opening of what is open still, which Alertmanagers hear of again.
delete from telemetry.alarm_change where id in (
    select h.id from telemetry.alarm_change h where h.id < (
        select coalesce(max(n.id), 0) from telemetry.alarm_change n where n.at < now() - make_interval(days => %(days)s))
    and h.spread_at is not null and not (h.event = 'opened' and exists (
        select from telemetry.alarm a where a.id = h.alarm_id and a.cleared_at is null))
    order by h.id limit %(rows)s);

-- name: count_channels
-- Channels by how it goes with them, and how long the oldest turn of an alarm waits to be spread.
select count(*) filter (where c.enabled and c.verified_at is not null and c.stopped_because is null and s.failures = 0) as well,
    count(*) filter (where c.stopped_because is null and s.failures > 0) as failing,
    count(*) filter (where c.stopped_because is not null) as stopped,
    (select coalesce(extract(epoch from now() - min(h.at)), 0)::float8 from telemetry.alarm_change h where h.spread_at is null) as waiting_seconds
from telemetry.notification_channel c join telemetry.channel_state s on s.channel_id = c.id where c.removed_at is null;
