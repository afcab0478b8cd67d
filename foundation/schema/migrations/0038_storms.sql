-- Many that fall silent together are one alarm with a count: a storm, by what they share. When it is one is data.
create table telemetry.storm_threshold (
    shared text primary key constraint storm_is_of_something_shared check (shared in ('gateway', 'city', 'apn', 'profile', 'broker')),
    name text not null constraint storm_name_is_short check (length(name) between 1 and 100),
    severity text not null constraint storm_severity_is_known
        check (severity in ('critical', 'major', 'minor', 'warning', 'indeterminate')),
    least int4 not null constraint storm_is_of_some check (least between 2 and 1000000),
    share float8 not null constraint storm_is_of_a_share check (share > 0 and share <= 1),
    window_seconds int4 not null constraint storm_window_is_bounded check (window_seconds between 10 and 3600),
    version int4 not null default 1
);
insert into telemetry.storm_threshold (shared, name, severity, least, share, window_seconds) values
    ('gateway', '网关下终端静默 · Silent behind a gateway', 'critical', 5, 0.5, 600),
    ('city', '同城终端静默 · Silent in a city', 'critical', 20, 0.2, 600),
    ('apn', '同 APN 终端静默 · Silent on an APN', 'critical', 50, 0.2, 600),
    ('profile', '同物模型终端静默 · Silent with a profile', 'critical', 100, 0.3, 600),
    ('broker', '同接入点终端静默 · Silent behind a broker', 'critical', 100, 0.3, 600);

-- The alarm of a storm is of no terminal; those that it gathers are quiet as long as it is open.
alter table telemetry.alarm
    alter column terminal_id drop not null,
    add column parent_id int8 references telemetry.alarm,
    add column quiet boolean not null default false,
    add column shared text,
    add column shared_key text,
    add constraint alarm_is_of_a_terminal_or_of_many
        check ((terminal_id is null) = (shared is not null) and (shared is null) = (shared_key is null) and num_nulls(shared, rule_id) >= 1),
    drop constraint alarm_is_cleared_by_something_known,
    add constraint alarm_is_cleared_by_something_known
        check (cleared_because in ('reading', 'return', 'transfer', 'state', 'rule', 'person', 'storm'));
create index alarm_parent_client on telemetry.alarm (parent_id, group_client_id) where parent_id is not null;
create index alarm_parent_region on telemetry.alarm (parent_id, region_code) where parent_id is not null;
create index alarm_of_many on telemetry.alarm (id) where shared is not null;
create index identity_apn on telemetry.identity (apn) where apn is not null;

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'alarm_note', 'batch', 'binding_tally', 'bridge', 'completeness', 'event', 'feed_source', 'follower',
         'fragment', 'gap', 'identity', 'latest', 'presence', 'presence_change', 'presence_clock', 'profile_storage', 'profile_tables',
         'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt', 'replay', 'replay_item', 'roll_call',
         'roll_call_clock', 'rollup', 'rollup_due', 'rule', 'rule_standing', 'storm_threshold', 'supervised_client',
         'supervision_clock', 'supervision_day', 'tally'));
