-- When a rule acts, and maintenance windows: while one lasts, alarms of its terminals begin quiet.
alter table telemetry.rule add column schedule jsonb;

create table telemetry.maintenance_window (
    id int4 generated always as identity primary key,
    version int4 not null default 1,
    why text not null constraint window_says_why check (length(why) between 1 and 1000),
    group_client_id int4 references registry.group_client,
    region_code int4 references registry.region,
    collection_id int4 references registry.collection on delete cascade,
    terminal_id int4 references registry.terminal,
    begins_at timestamptz not null,
    ends_at timestamptz not null,
    made_by text not null,
    made_at timestamptz not null default now(),
    constraint window_has_one_owner check ((group_client_id is null) <> (region_code is null)),
    constraint window_ends_after_it_begins check (ends_at > begins_at)
);
create index maintenance_window_client on telemetry.maintenance_window (group_client_id);
create index maintenance_window_region on telemetry.maintenance_window (region_code);
create index maintenance_window_collection on telemetry.maintenance_window (collection_id);
create index maintenance_window_terminal on telemetry.maintenance_window (terminal_id);
create index maintenance_window_ends on telemetry.maintenance_window (ends_at);

alter table telemetry.alarm add column window_id int4 references telemetry.maintenance_window on delete set null;
create index alarm_window on telemetry.alarm (window_id) where window_id is not null;

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'alarm_note', 'batch', 'binding_tally', 'bridge', 'completeness', 'event', 'feed_source', 'follower',
         'fragment', 'gap', 'identity', 'latest', 'maintenance_window', 'presence', 'presence_change', 'presence_clock',
         'profile_storage', 'profile_tables', 'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt', 'replay', 'replay_item', 'roll_call',
         'roll_call_clock', 'rollup', 'rollup_due', 'rule', 'rule_standing', 'storm_threshold', 'supervised_client',
         'supervision_clock', 'supervision_day', 'tally'));
