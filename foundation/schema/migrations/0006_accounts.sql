-- What is owed an account: which of a terminal's numbers have a fate, what is missing, how complete a day is.

-- Of each boot of a terminal, the numbers of its messages that have a durable fate or were given up.
create table telemetry.receipt (
    terminal_id int4 not null,
    boot text not null,
    numbers int8multirange not null,
    kept_at timestamptz not null default now(),
    primary key (terminal_id, boot)
) with (fillfactor = 70);

-- What never came, as far as anybody can tell: between which moments, and which numbers.
-- A gap of no terminal is one of all that spoke through that bridge's broker.
create table telemetry.gap (
    id bigint generated always as identity primary key,
    kind text not null constraint gap_kind_is_known check (kind in
        ('given_up', 'session_lost', 'broker_restarted', 'broker_dropped')),
    bridge text not null,
    terminal_id int4,
    begins_at timestamptz not null,
    ends_at timestamptz not null,
    boot text,
    first_seq int8,
    last_seq int8,
    messages int8,
    constraint gap_is_ordered check (ends_at >= begins_at and last_seq >= first_seq)
);
create index gap_terminal on telemetry.gap (terminal_id, ends_at);

-- What a bridge has last seen of its broker: the newest mark of its own that came back, when the broker
-- seems to have started, its counter of messages that it had no room for.
alter table telemetry.bridge add column marked_at timestamptz, add column broker_started_at timestamptz,
    add column broker_dropped int8, add column broker_dropped_at timestamptz,
    add column stopped_on_purpose boolean not null default false;

-- Messages with readings of a terminal and day (UTC, of what was measured; of a refused one, on which
-- it came) under one ownership, by their fate; `late` of the stored ones, `bytes` of all.
create table telemetry.completeness (
    day date not null,
    terminal_id int4 not null,
    owned_since timestamptz not null,
    received int4 not null,
    stored int4 not null,
    duplicate int4 not null,
    quarantined int4 not null,
    late int4 not null,
    bytes int8 not null,
    primary key (terminal_id, day, owned_since)
) with (fillfactor = 70);
select public.create_hypertable('telemetry.completeness', public.by_range('day', interval '7 days'), create_default_indexes => false);

-- The same by sum: of all terminals in a region that one client (0 is the operator) owned then.
create table telemetry.completeness_daily (
    day date not null,
    group_client_id int4 not null,
    region_code int4 not null,
    received int8 not null,
    stored int8 not null,
    duplicate int8 not null,
    quarantined int8 not null,
    late int8 not null,
    bytes int8 not null,
    primary key (day, group_client_id, region_code)
) with (fillfactor = 70);
create index completeness_daily_client on telemetry.completeness_daily (group_client_id, day);
