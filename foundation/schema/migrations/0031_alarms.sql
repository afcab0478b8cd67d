-- Rules: what is wrong with a terminal, as data. One is a group client's, or the operator's in a region. `held_since` is when it
-- was enabled, or made to watch for something else: what came of it before is over then.
create table telemetry.rule (
    id int4 generated always as identity primary key,
    version int4 not null default 1,
    name text not null constraint rule_name_is_short check (length(name) between 1 and 100),
    group_client_id int4 references registry.group_client,
    region_code int4 references registry.region,
    profile_id int4 not null references registry.profile,
    collection_id int4 references registry.collection on delete cascade,
    terminal_id int4 references registry.terminal,
    severity text not null constraint rule_severity_is_known
        check (severity in ('critical', 'major', 'minor', 'warning', 'indeterminate')),
    criterion jsonb not null,
    for_seconds int4 not null default 0 constraint rule_patience_is_bounded check (for_seconds between 0 and 604800),
    enabled boolean not null default false,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default clock_timestamp(),
    held_since timestamptz not null default clock_timestamp(),
    constraint rule_has_one_owner check ((group_client_id is null) <> (region_code is null))
);
create index rule_client on telemetry.rule (group_client_id);
create index rule_region on telemetry.rule (region_code);
create index rule_profile on telemetry.rule (profile_id);
create index rule_collection on telemetry.rule (collection_id);
create index rule_terminal on telemetry.rule (terminal_id);

-- Terminals whose readings have been beyond a rule, or between, since; all others stand well.
create table telemetry.rule_standing (
    rule_id int4 not null references telemetry.rule on delete cascade,
    terminal_id int4 not null,
    newest_us int8 not null,
    bad_since_us int8,
    is_raised boolean not null,
    kept_at timestamptz not null default now(),
    primary key (rule_id, terminal_id)
);

-- An alarm keeps what its rule was when it was raised. `raised_at`, `last_at` and, by a reading, `cleared_at` are the device's time.
create table telemetry.alarm (
    id int8 generated always as identity primary key,
    rule_id int4 references telemetry.rule on delete set null,
    rule_version int4 not null,
    rule_name text not null,
    terminal_id int4 not null references registry.terminal,
    group_client_id int4 references registry.group_client,
    region_code int4 not null references registry.region,
    severity text not null,
    metric text,
    value float8,
    raised_at timestamptz not null,
    told_at timestamptz not null default now(),
    last_at timestamptz not null,
    count int4 not null default 1,
    cleared_at timestamptz,
    cleared_because text constraint alarm_is_cleared_by_something_known
        check (cleared_because in ('reading', 'transfer', 'state', 'rule', 'person')),
    cleared_by text,
    acknowledged_at timestamptz,
    acknowledged_by text,
    assignee text,
    shelved_until timestamptz,
    version int4 not null default 1,
    constraint alarm_is_cleared_for_a_reason check ((cleared_at is null) = (cleared_because is null))
);
create unique index one_open_alarm_a_rule on telemetry.alarm (terminal_id, rule_id) where cleared_at is null;
create index alarm_rule on telemetry.alarm (rule_id);
create index alarm_terminal on telemetry.alarm (terminal_id, id);
create index alarm_client on telemetry.alarm (group_client_id, id);
create index alarm_region on telemetry.alarm (region_code, id);
create index alarm_open on telemetry.alarm (severity, id) where cleared_at is null;

-- What people did and said about an alarm.
create table telemetry.alarm_note (
    alarm_id int8 not null references telemetry.alarm on delete cascade,
    n int4 not null,
    at timestamptz not null default now(),
    by text not null,
    deed text not null,
    text text constraint alarm_note_is_short check (length(text) between 1 and 1000),
    primary key (alarm_id, n)
);
