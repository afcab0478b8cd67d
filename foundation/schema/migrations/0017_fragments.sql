-- Parts of messages that terminals send in several, until the whole is there. Number 0 says that it was, for a while.
create table telemetry.fragment (
    terminal_id int4 not null,
    key text not null,
    number int4 not null,
    parts int4 not null, -- 0: only the last part tells
    received_at timestamptz not null,
    topic text not null,
    body bytea not null,
    primary key (terminal_id, key, number)
);
create index fragment_received on telemetry.fragment (received_at);

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'batch', 'bridge', 'completeness', 'event', 'follower', 'fragment', 'gap', 'identity', 'latest', 'presence',
         'presence_change', 'presence_clock', 'profile_tables', 'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt',
         'replay', 'replay_item'));
