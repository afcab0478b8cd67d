-- What happens to alarms is noted where it happens, whoever does it: the judge, a person, or what ends them. Of a quiet one (gathered
-- in a storm, or begun in a maintenance window) only that it is over, to who was told of it before; when it is not quiet any more, it opens.
create or replace function telemetry.note_alarm_changes() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gathered int8[];
begin
    if tg_op = 'INSERT' then
        gathered := (select array_agg(n.id) from changed n where n.parent_id is not null and n.quiet);
        insert into telemetry.alarm_change (alarm_id, event, by)
        select n.id, e.event, registry.acting()
        from changed n cross join lateral (values (1, 'opened', true), (2, 'cleared', n.cleared_at is not null)) e(k, event, happened)
        where e.happened and not n.quiet order by n.id, e.k;
    else
        gathered := (select array_agg(n.id) from changed n join former o on o.id = n.id
            where n.parent_id is distinct from o.parent_id and n.parent_id is not null and n.quiet);
        insert into telemetry.alarm_change (alarm_id, event, by)
        select n.id, e.event, registry.acting()
        from changed n join former o on o.id = n.id
        cross join lateral (values
            (0, 'opened', o.quiet and not n.quiet and n.cleared_at is null),
            (1, 'acknowledged', o.acknowledged_at is null and n.acknowledged_at is not null),
            (2, 'assigned', n.assignee is distinct from o.assignee),
            (3, 'shelved', n.shelved_until is distinct from o.shelved_until and n.shelved_until is not null),
            (4, 'unshelved', o.shelved_until is not null and n.shelved_until is null),
            (5, 'breached', o.breached_at is null and n.breached_at is not null),
            (6, 'cleared', o.cleared_at is null and n.cleared_at is not null)) e(k, event, happened)
        where e.happened and (not n.quiet or e.event = 'cleared' and exists (
            select from telemetry.alarm_change h where h.alarm_id = n.id and h.event = 'opened'))
        order by n.id, e.k;
    end if;
    -- A storm that was told of already opens for those whose first terminal it gathers now.
    if gathered is not null then
        insert into telemetry.alarm_change (alarm_id, event, by)
        select s.id, 'opened', registry.acting() from telemetry.alarm s
        where s.cleared_at is null
            and exists (select from telemetry.alarm_change h where h.alarm_id = s.id and h.event = 'opened' and h.spread_at is not null)
            and s.id in (
                select g.parent_id from (
                    select n.parent_id, n.group_client_id, count(*) as new from telemetry.alarm n where n.id = any (gathered) group by 1, 2) g
                where g.new = (
                    select count(*) from telemetry.alarm c where c.parent_id = g.parent_id and c.group_client_id is not distinct from g.group_client_id));
    end if;
    return null;
end $$;
create or replace trigger note_new_alarms after insert on telemetry.alarm
    referencing new table as changed for each statement execute function telemetry.note_alarm_changes();
create or replace trigger note_changed_alarms after update on telemetry.alarm
    referencing old table as former new table as changed for each statement execute function telemetry.note_alarm_changes();

-- When something of a severity may go out by a channel: at once, with the digest, when quiet hours are over.
create or replace function telemetry.notification_due(channel telemetry.notification_channel, severity text, at timestamptz) returns timestamptz
language sql stable
return (
    select case when severity = any (channel.urgent) then at
        when channel.quiet_from is null or not case when channel.quiet_from < channel.quiet_to
            then w.local::time >= channel.quiet_from and w.local::time < channel.quiet_to
            else w.local::time >= channel.quiet_from or w.local::time < channel.quiet_to end then w.digested
        else (w.local::date + channel.quiet_to + case when w.local::time < channel.quiet_to then interval '0' else interval '1 day' end)
            at time zone channel.time_zone end
    from (select d.digested, d.digested at time zone channel.time_zone as local
        from (select case when channel.digest_seconds = 0 then at
            else to_timestamp(ceil(extract(epoch from at) / channel.digest_seconds) * channel.digest_seconds) end as digested) d) w);

-- Find for up to so many changes the channels by which they are to be told, in their owners' sight; one process at a time, so
-- that what happens to an alarm goes out in its order. A shelved alarm is out of sight: only that it is, or is no more, is told.
create or replace function telemetry.spread_alarm_changes(most int4, out taken int8[], out put int8)
language sql security definer set search_path = pg_catalog, pg_temp as $$
    with now_taken as (
        update telemetry.alarm_change h set spread_at = clock_timestamp()
        where h.id in (select w.id from telemetry.alarm_change w where w.spread_at is null order by w.id limit most)
        returning h.id, h.alarm_id, h.event),
    told as materialized (
        select t.id, t.event, t.alarm_id, a.shared is not null as is_storm, a.severity, a.group_client_id, a.region_code, c.region_code as client_region
        from now_taken t join telemetry.alarm a on a.id = t.alarm_id left join registry.group_client c on c.id = a.group_client_id
        where coalesce(a.shelved_until, '-infinity') <= now() or t.event in ('shelved', 'unshelved')),
    live as materialized (
        select c.* from telemetry.notification_channel c
        where c.enabled and c.verified_at is not null and c.stopped_because is null and c.removed_at is null),
    reach as materialized (
        select c.id as channel_id, c.group_client_id as root, null::int4 as low, null::int4 as high
        from live c where c.group_client_id is not null
        union all select c.id, null, g.code, g.last_code from live c join registry.region g on g.code = c.region_code
        union all select c.id, r.root, r.low, r.high
        from live c join registry.user_account u on u.id = c.user_id cross join lateral registry.account_in_force('user:' || u.name) f
        cross join lateral (
            select null::int4, f.region_low, f.region_high where f.region_low is not null
            union all select each, null, null from unnest(f.group_client_ids) each
            union all select null, 0, 2147483647 where f.role = 'admin') r(root, low, high)
        where f.role <> 'scraper'),
    found as (
        select r.channel_id, t.id from told t
        join registry.group_client_lineage l on l.group_client_id = t.group_client_id join reach r on r.root = l.ancestor_id
        union
        select r.channel_id, t.id from (select distinct region_code, client_region from told) g
        join reach r on g.region_code between r.low and r.high or g.client_region between r.low and r.high
        join told t on t.region_code = g.region_code and t.client_region is not distinct from g.client_region
        -- A storm is everybody's whose terminals are in it.
        union
        select r.channel_id, s.id
        from (select distinct t.id, c.group_client_id, c.region_code from told t join telemetry.alarm c on c.parent_id = t.alarm_id where t.is_storm) s
        left join registry.group_client_lineage l on l.group_client_id = s.group_client_id
        join reach r on r.root = l.ancestor_id or s.region_code between r.low and r.high),
    -- Of a storm that gathers more and more everybody is told once that it is there.
    first_told as (
        select distinct on (f.channel_id, case when t.is_storm and t.event = 'opened' then t.alarm_id else -t.id end)
            f.channel_id, t.id, t.event, t.severity
        from found f join told t on t.id = f.id
        where not (t.is_storm and t.event = 'opened' and exists (
            select from telemetry.notification_item i join telemetry.alarm_change h on h.id = i.change_id
            where i.channel_id = f.channel_id and h.alarm_id = t.alarm_id and h.event = 'opened'))
        order by f.channel_id, case when t.is_storm and t.event = 'opened' then t.alarm_id else -t.id end, t.id),
    now_put as (
        insert into telemetry.notification_item (channel_id, change_id, due_at)
        select f.channel_id, f.id, telemetry.notification_due(c, f.severity, now())
        from first_told f join telemetry.notification_channel c on c.id = f.channel_id
        where f.severity = any (c.severities) and f.event = any (c.events)
        on conflict (channel_id, change_id) do nothing
        returning channel_id, due_at),
    woken as (
        update telemetry.channel_state s set due_at = least(s.due_at, p.due_at)
        from (select channel_id, min(due_at) as due_at from now_put group by channel_id) p where p.channel_id = s.channel_id)
    select (select coalesce(array_agg(id), '{}') from now_taken), (select count(*) from now_put)
$$;

-- How many alarms of a client's terminals, and of those below it, a storm has gathered.
create or replace function telemetry.storm_of_client(storm int8, client int4) returns int4
language sql stable security definer set search_path = pg_catalog, pg_temp
return (
    select count(*)::int4 from telemetry.alarm c join registry.group_client_lineage l on l.group_client_id = c.group_client_id
    where c.parent_id = storm and l.ancestor_id = client);

do $policies$
declare
    -- A person's own are that person's alone, whoever sees everything.
    owners constant text := 'case when user_id is not null then user_id = (select registry.own_user_id())
        else (select registry.scope_everything())
            or region_code between (select registry.scope_region_low()) and (select registry.scope_region_high())
            or group_client_id in (select registry.visible_group_clients()) end';
    of_channel constant text := 'exists (select from telemetry.notification_channel c where c.id = channel_id)';
    relation text;
    rule text;
begin
    for relation, rule in values ('notification_channel', owners), ('channel_state', of_channel), ('notification_delivery', of_channel)
    loop
        execute format('alter table telemetry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on telemetry.%I', relation);
        execute format('create policy scoped on telemetry.%I to muster_api using (%s) with check (%s)', relation, rule, rule);
        execute format('drop policy if exists everybody on telemetry.%I', relation);
        execute format('create policy everybody on telemetry.%I to muster_owner, muster_jobs, muster_inspect using (true)', relation);
    end loop;
end
$policies$;
revoke all on telemetry.alarm_change, telemetry.notification_channel, telemetry.channel_state, telemetry.notification_delivery,
    telemetry.notification_item from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on telemetry.notification_channel, telemetry.channel_state, telemetry.notification_delivery to muster_api, muster_jobs;
grant insert, update on telemetry.notification_channel to muster_api;
grant insert, update (due_at, resting_until) on telemetry.channel_state to muster_api;
grant insert (channel_id, form) on telemetry.notification_delivery to muster_api;
grant update (verified_at, stopped_because, sealed_former_secret, former_until) on telemetry.notification_channel to muster_jobs;
grant update on telemetry.channel_state to muster_jobs;
grant insert, update, delete on telemetry.notification_delivery to muster_jobs;
grant select, update, delete on telemetry.notification_item, telemetry.alarm_change to muster_jobs;
grant select on telemetry.alarm_change, telemetry.notification_item, telemetry.channel_state, telemetry.notification_delivery to muster_inspect;
grant execute on function telemetry.spread_alarm_changes(int4), telemetry.storm_of_client(int8, int4) to muster_jobs;

do $audited$
begin
    perform registry.audit_changes('telemetry.notification_channel', 'r.id::text', part => 'r.name',
        owner => 'coalesce(r.group_client_id, registry.client_of_account(u.role, u.group_client_ids))',
        joined => 'left join registry.user_account u on u.id = r.user_id');
    -- That somebody had a test sent; what becomes of deliveries is no news of that kind.
    perform registry.audit_changes('telemetry.notification_delivery', 'c.id::text', part => 'c.name',
        owner => 'coalesce(c.group_client_id, registry.client_of_account(u.role, u.group_client_ids))',
        joined => 'join telemetry.notification_channel c on c.id = r.channel_id left join registry.user_account u on u.id = c.user_id',
        noise => array['state', 'tries', 'tried_at', 'status', 'problem', 'ended_at'],
        new_is_news => '(after).form = ''test''', gone_is_news => 'false');
end
$audited$;

-- How many changes wait for a channel that the scope sees, up to a thousand.
create or replace function telemetry.waiting_changes(channel int4) returns int4
language sql stable security definer set search_path = pg_catalog, pg_temp
return (select count(*)::int4 from (
    select from telemetry.notification_item i where i.channel_id = channel and i.delivery_id is null limit 1000) waiting);
grant execute on function telemetry.waiting_changes(int4) to muster_api, muster_jobs;

-- Whether a channel's owner is still there to be told: a person who may sign in; clients and regions are.
create or replace function telemetry.owner_is_there(channel telemetry.notification_channel) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
return channel.user_id is null or exists (select from registry.user_account u where u.id = channel.user_id and u.disabled_at is null);
grant execute on function telemetry.owner_is_there(telemetry.notification_channel) to muster_jobs;
