-- Storms: of one fault (a terminal, a reason, a day) only so many messages are kept raw, the others counted.
-- A negative terminal stands for one of 256 parts of the topics that name none.
create table telemetry.quarantine_fault (
    day date not null,
    terminal_id int4 not null,
    reason text not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    messages int8 not null,
    bytes int8 not null,
    kept int8 not null,
    kept_bytes int8 not null,
    topic text not null,
    detail text not null,
    primary key (terminal_id, day, reason),
    constraint fault_is_ordered check (last_at >= first_at)
) with (fillfactor = 70);
create index quarantine_fault_day on telemetry.quarantine_fault (day);

-- How many messages of one fault are kept raw (one row): fewer, as the quarantine fills.
create table telemetry.quarantine_limit (
    only_one boolean primary key default true constraint quarantine_has_one_limit check (only_one),
    samples int4 not null default 1000 constraint at_least_one_sample check (samples > 0)
);
insert into telemetry.quarantine_limit default values;

alter table telemetry.quarantine add column resolved_at timestamptz;
create index quarantine_topic on telemetry.quarantine (topic, id);
create index quarantine_last on telemetry.quarantine (last_received_at);

-- Refused messages that are to be taken again, and what became of each.
create table telemetry.replay (
    id bigint generated always as identity primary key,
    requested_at timestamptz not null default now(),
    requested_by text not null
);
create table telemetry.replay_item (
    replay_id bigint not null references telemetry.replay on delete cascade,
    item_id bigint not null,
    outcome text constraint outcome_is_known check (outcome in ('stored', 'duplicate', 'quarantined', 'gone')),
    reason text,
    detail text,
    settled_at timestamptz,
    primary key (replay_id, item_id)
);
create index replay_pending on telemetry.replay_item (replay_id, item_id) where outcome is null;

insert into telemetry.quarantine_fault
select received_at::date, coalesce(terminal_id, -1), reason, min(received_at), max(last_received_at), sum(count), sum(payload_bytes * count::int8),
    count(*), sum(length(payload)), max(topic), max(detail)
from telemetry.quarantine group by 1, 2, 3;

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'batch', 'bridge', 'completeness', 'event', 'follower', 'gap', 'latest', 'presence', 'presence_change',
         'presence_clock', 'profile_tables', 'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt', 'replay', 'replay_item'));
