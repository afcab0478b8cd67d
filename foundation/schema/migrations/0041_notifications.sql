-- How people and programs are told of alarms: what happens to alarms, the channels that lead to who is to know, what goes out.

-- What happens to alarms, a row a turn, in the transaction of the change. `spread_at` is when it was found who is to be told.
create table telemetry.alarm_change (
    id int8 generated always as identity primary key,
    alarm_id int8 not null references telemetry.alarm on delete cascade,
    event text not null,
    at timestamptz not null default clock_timestamp(),
    by text,
    spread_at timestamptz
);
create index alarm_change_alarm on telemetry.alarm_change (alarm_id);
create index alarm_change_waiting on telemetry.alarm_change (id) where spread_at is null;

-- A way to somebody who is told: a client's, the operator's in a region, or one person's own. The address and the secret lie sealed
-- at their `place`; `shown` is what is shown of the address. What is `urgent` waits neither for a digest nor for the end of quiet hours.
create table telemetry.notification_channel (
    id int4 generated always as identity primary key,
    version int4 not null default 1,
    name text not null constraint channel_name_is_short check (length(name) between 1 and 100),
    kind text not null constraint channel_kind_is_known
        check (kind in ('webhook', 'alertmanager', 'mail', 'sms', 'dingtalk', 'wecom', 'feishu')),
    group_client_id int4 references registry.group_client,
    region_code int4 references registry.region,
    user_id int4 references registry.user_account,
    place uuid not null default gen_random_uuid(),
    shown text not null,
    sealed_address bytea,
    sealed_secret bytea,
    sealed_former_secret bytea,
    former_until timestamptz,
    language text not null default 'zh' constraint channel_language_is_known check (language in ('zh', 'en')),
    severities text[] not null,
    events text[] not null,
    urgent text[] not null,
    digest_seconds int4 not null default 0 constraint channel_digest_is_a_day_at_most check (digest_seconds between 0 and 86400),
    time_zone text not null default 'UTC',
    quiet_from time,
    quiet_to time,
    enabled boolean not null default true,
    verified_at timestamptz,
    stopped_because text constraint channel_is_stopped_for_a_reason check (stopped_because in ('gone', 'unreachable')),
    created_at timestamptz not null default now(),
    created_by text not null,
    changed_at timestamptz not null default clock_timestamp(),
    removed_at timestamptz,
    constraint channel_has_one_owner check (num_nonnulls(group_client_id, region_code, user_id) = 1),
    constraint channel_is_quiet_between_two_times check ((quiet_from is null) = (quiet_to is null) and quiet_from <> quiet_to),
    constraint channel_there_has_an_address check (removed_at is not null or sealed_address is not null)
);
create index notification_channel_client on telemetry.notification_channel (group_client_id);
create index notification_channel_region on telemetry.notification_channel (region_code);
create index notification_channel_user on telemetry.notification_channel (user_id);
create unique index one_channel_a_kind_and_person on telemetry.notification_channel (user_id, kind) where user_id is not null and removed_at is null;

-- How it goes with a channel: when something is to go out next, who is at it, and until when it rests after it failed.
create table telemetry.channel_state (
    channel_id int4 primary key references telemetry.notification_channel on delete cascade,
    due_at timestamptz,
    resting_until timestamptz,
    holder uuid,
    held_until timestamptz,
    failures int4 not null default 0,
    failing_since timestamptz,
    delivered_at timestamptz
) with (fillfactor = 70);
create index channel_state_due on telemetry.channel_state (due_at) where due_at is not null;

-- What goes out by a channel at once: a test, or some changes of alarms together.
create table telemetry.notification_delivery (
    id int8 generated always as identity primary key,
    channel_id int4 not null references telemetry.notification_channel on delete cascade,
    form text not null constraint delivery_form_is_known check (form in ('test', 'alarms')),
    changes int4 not null default 0,
    state text not null default 'waiting' constraint delivery_state_is_known
        check (state in ('waiting', 'delivered', 'failed', 'dropped')),
    created_at timestamptz not null default now(),
    tries int4 not null default 0,
    tried_at timestamptz,
    status int4,
    problem text,
    ended_at timestamptz
);
create index notification_delivery_channel on telemetry.notification_delivery (channel_id, id);
create index notification_delivery_waiting on telemetry.notification_delivery (channel_id, id) where state = 'waiting';

-- Each change once a channel, whatever happens: not before `due_at`, and then with a delivery.
create table telemetry.notification_item (
    channel_id int4 not null references telemetry.notification_channel on delete cascade,
    change_id int8 not null references telemetry.alarm_change on delete cascade,
    due_at timestamptz not null,
    delivery_id int8 references telemetry.notification_delivery on delete cascade,
    primary key (channel_id, change_id)
);
create index notification_item_change on telemetry.notification_item (change_id);
create index notification_item_delivery on telemetry.notification_item (delivery_id);
create index notification_item_waiting on telemetry.notification_item (channel_id, due_at) where delivery_id is null;

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'alarm_change', 'alarm_note', 'batch', 'binding_tally', 'bridge', 'channel_state', 'completeness', 'event',
         'feed_source', 'follower', 'fragment', 'gap', 'identity', 'latest', 'maintenance_window', 'notification_channel',
         'notification_delivery', 'notification_item', 'presence', 'presence_change', 'presence_clock', 'profile_storage',
         'profile_tables', 'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt', 'replay', 'replay_item', 'roll_call',
         'roll_call_clock', 'rollup', 'rollup_due', 'rule', 'rule_standing', 'storm_threshold', 'supervised_client',
         'supervision_clock', 'supervision_day', 'tally'));
