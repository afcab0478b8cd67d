-- Presence: whether data comes from a terminal and whether it has a session with the broker, two facts,
-- each with a time of its own by our clock. No row: nothing was ever heard.
create table telemetry.presence (
    terminal_id int4 primary key,
    data_at timestamptz,
    silent_since timestamptz,
    session_up boolean,
    session_since timestamptz,
    constraint silence_follows_data check (silent_since is null or data_at is not null),
    constraint session_has_its_time check ((session_up is null) = (session_since is null))
) with (fillfactor = 70);
create index presence_silent on telemetry.presence (terminal_id) where silent_since is not null;

-- When one of the two facts changed.
create table telemetry.presence_change (
    time timestamptz not null,
    terminal_id int4 not null,
    fact text not null constraint fact_is_known check (fact in ('data', 'session')),
    present boolean not null,
    primary key (terminal_id, time, fact)
);
select public.create_hypertable('telemetry.presence_change', public.by_range('time', interval '30 days'), create_default_indexes => false);

-- Up to when presence is known (one row): what came until `as_of` is in it, and nobody is silent for not
-- having been heard before `listening_since`. Sessions of before `sessions_known_since` may have ended unheard.
create table telemetry.presence_clock (
    only_one boolean primary key default true constraint presence_has_one_clock check (only_one),
    turn int8 not null default 0,
    as_of timestamptz,
    listening_since timestamptz,
    sessions_known_since timestamptz
);
insert into telemetry.presence_clock default values;

-- What came until `heard_until` is stored, and was listened for without a break since `listening_since`.
alter table telemetry.bridge add column heard_until timestamptz, add column listening_since timestamptz;

-- Until the feed says more: who has a newest value was heard when it was measured.
insert into telemetry.presence (terminal_id, data_at)
select terminal_id, least(max(time), now()) from telemetry.latest group by terminal_id;

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'batch', 'bridge', 'completeness', 'event', 'follower', 'gap', 'latest', 'presence', 'presence_change',
         'presence_clock', 'profile_tables', 'quarantine', 'quarantine_sample', 'receipt', 'replay', 'replay_result'));
