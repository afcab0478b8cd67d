-- What was measured. A profile's own hypertable is made by telemetry.ensure_profile_table.
create table telemetry.event (
    time timestamptz not null,
    terminal_id int4 not null,
    delay_seconds int4 not null,
    code text not null,
    severity text not null default 'indeterminate'
        constraint severity_is_x733 check (severity in ('critical', 'major', 'minor', 'warning', 'indeterminate')),
    text text,
    data jsonb,
    digest bigint not null,
    primary key (terminal_id, time, code, digest)
);
select public.create_hypertable('telemetry.event', public.by_range('time', interval '7 days'), create_default_indexes => false);

-- The feed: one row per committed batch and profile, with the rows that were really inserted.
create table telemetry.batch (
    bridge text not null,
    n bigint not null,
    committed_at timestamptz not null default now(),
    profile_id int4 not null,
    rows int4 not null,
    terminal_ids bytea not null,
    times_us bytea not null,
    received_us bytea not null,
    columns bytea not null,
    primary key (bridge, n, profile_id, committed_at)
);
-- Numbers are noise to a compressor and the feed is short-lived: no time is spent on squeezing it.
alter table telemetry.batch
    alter column terminal_ids set storage external, alter column times_us set storage external,
    alter column received_us set storage external, alter column columns set storage external;
select public.create_hypertable('telemetry.batch', public.by_range('committed_at', interval '10 minutes'), create_default_indexes => false);

-- How far each follower of the feed has come.
create table telemetry.follower (
    name text not null,
    bridge text not null,
    n bigint not null,
    primary key (name, bridge)
);

create table telemetry.bridge (
    name text primary key,
    last_n bigint not null default 0,
    started_at timestamptz not null default now(),
    session_established_at timestamptz,
    sessions_lost int4 not null default 0,
    session_lost_at timestamptz
);

create table telemetry.latest (
    terminal_id int4 not null,
    metric text not null,
    time timestamptz not null,
    number double precision,
    text text,
    primary key (terminal_id, metric)
) with (fillfactor = 70);

create table telemetry.quarantine (
    id bigint generated always as identity primary key,
    received_at timestamptz not null,
    last_received_at timestamptz not null,
    count int4 not null default 1,
    bridge text not null,
    topic text not null,
    terminal_id int4,
    reason text not null constraint reason_is_known check (reason in ('malformed', 'unknown_terminal',
        'not_in_service', 'wrong_identity', 'unknown_metric', 'wrong_type', 'out_of_range', 'clock',
        'other_owner', 'too_large', 'flood', 'conflict', 'refused_by_database')),
    detail text not null,
    payload bytea not null,
    payload_bytes int4 not null,
    digest bytea not null,
    constraint same_message_is_one_item unique (digest, reason)
);
create index quarantine_terminal on telemetry.quarantine (terminal_id, id);
create index quarantine_reason on telemetry.quarantine (reason, id);
