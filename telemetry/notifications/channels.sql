-- part: in_scope
c.user_id is null and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
    or c.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))

-- part: columns
c.id, c.version, c.name, c.kind, g.code as group_client, c.region_code as region, c.shown, c.sealed_secret is not null as has_secret,
    c.severities, c.events, c.urgent, c.digest_seconds, c.time_zone, c.quiet_from, c.quiet_to, c.language, c.enabled, c.verified_at,
    c.stopped_because, c.created_at, c.created_by, s.failures, s.failing_since, s.delivered_at,
    telemetry.waiting_changes(c.id) as waiting

-- name: list_channels
-- One page of the clients' and the operator's channels in scope, by number, or the one of a number.
select
    -- with: columns
from telemetry.notification_channel c join telemetry.channel_state s on s.channel_id = c.id
left join registry.group_client g on g.id = c.group_client_id
where c.removed_at is null and c.id > %(after)s and (%(id)s::int4 is null or c.id = %(id)s) and
    -- with: in_scope
order by c.id limit %(rows)s;

-- name: list_own
-- The asker's own channels.
select
    -- with: columns
from telemetry.notification_channel c join telemetry.channel_state s on s.channel_id = c.id
left join registry.group_client g on false
where c.removed_at is null and c.user_id = (select registry.own_user_id()) order by c.kind;

-- name: own_user
-- Which user asks; null is a program.
select registry.own_user_id() as id;

-- name: take_turns
-- Whoever makes another channel waits for the one that is being made.
select pg_advisory_xact_lock(hashtextextended('muster channels', 0));

-- name: count_of_owner
-- How many channels an owner has.
select count(*) as channels from telemetry.notification_channel c
where c.removed_at is null
    and (c.group_client_id, c.region_code, c.user_id) is not distinct from (%(group_client)s::int4, %(region)s::int4, %(user)s::int4);

-- name: insert_channel
-- A new channel, which is used once a test has arrived.
with made as (
    insert into telemetry.notification_channel (name, kind, group_client_id, region_code, user_id, place, shown, sealed_address, sealed_secret,
        language, severities, events, urgent, digest_seconds, time_zone, quiet_from, quiet_to, created_by)
    values (%(name)s, %(kind)s, %(group_client)s, %(region)s, %(user)s, %(place)s, %(shown)s, %(sealed_address)s, %(sealed_secret)s,
        %(language)s, %(severities)s, %(events)s, %(urgent)s, %(digest_seconds)s, %(time_zone)s, %(quiet_from)s, %(quiet_to)s, %(by)s)
    returning id)
select id from made;

-- name: insert_state
-- And how it goes with it.
insert into telemetry.channel_state (channel_id) values (%(id)s);

-- name: hold_channel
-- A channel that was found in scope stays as it is until this transaction ends.
select place, sealed_address, sealed_secret from telemetry.notification_channel where id = %(id)s for no key update;

-- name: change_channel
-- Another name or other wishes; with another address or secret it is to be tested anew.
update telemetry.notification_channel set version = version + 1, changed_at = clock_timestamp(), name = %(name)s, enabled = %(enabled)s,
    language = %(language)s, severities = %(severities)s, events = %(events)s, urgent = %(urgent)s, digest_seconds = %(digest_seconds)s,
    time_zone = %(time_zone)s, quiet_from = %(quiet_from)s, quiet_to = %(quiet_to)s, shown = %(shown)s,
    sealed_address = %(sealed_address)s, sealed_secret = %(sealed_secret)s,
    verified_at = case when %(anew)s then null else verified_at end,
    stopped_because = case when %(anew)s then null else stopped_because end
where id = %(id)s;

-- name: renew_secret
-- Another secret; the one before signs, too, for a while.
update telemetry.notification_channel set version = version + 1, changed_at = clock_timestamp(), sealed_former_secret = sealed_secret,
    sealed_secret = %(sealed_secret)s, former_until = now() + make_interval(hours => %(hours)s)
where id = %(id)s;

-- name: remove_channel
-- Gone, with all that is secret of it; what went out by it stays on record for its days.
update telemetry.notification_channel set version = version + 1, removed_at = now(), enabled = false, sealed_address = null,
    sealed_secret = null, sealed_former_secret = null
where id = %(id)s;

-- name: insert_test
-- A test that is to go out, unless one waits already.
insert into telemetry.notification_delivery (channel_id, form)
select %(id)s, 'test' where not exists (
    select from telemetry.notification_delivery d where d.channel_id = %(id)s and d.state = 'waiting' and d.form = 'test')
returning id;

-- name: wake_channel
-- Something is to go out at once, however the channel rests.
update telemetry.channel_state set due_at = now(), resting_until = null where channel_id = %(id)s;

-- name: now_in_zone
-- An error where there is no such time zone.
select now() at time zone %(zone)s as local;

-- name: list_deliveries
-- One page of what went out or is to, newest first: by channels in scope, and the asker's own.
select d.id, d.channel_id as channel, c.name as channel_name, c.kind, d.form, d.changes, d.state, d.created_at, d.tries, d.tried_at, d.status,
    d.problem, d.ended_at
from telemetry.notification_delivery d join telemetry.notification_channel c on c.id = d.channel_id
where d.id < %(after)s and (%(id)s::int8 is null or d.id = %(id)s) and (%(channel)s::int4 is null or d.channel_id = %(channel)s)
    and (%(state)s::text is null or d.state = %(state)s)
    and (c.user_id = %(user)s::int4 or
    -- with: in_scope
    )
order by d.id desc limit %(rows)s;
