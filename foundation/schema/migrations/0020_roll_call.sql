-- How many terminals there are, without counting them: each as it was last called, and sums of that. Called
-- are those that changed, by one process, a moment after they did; the sums are right for what was called.
create table telemetry.roll_call (
    terminal_id int4 primary key,
    group_client_id int4 not null,
    region_code int4 not null,
    profile_id int4 not null,
    state text not null,
    data text not null constraint called_data_is_known check (data in ('online', 'silent', 'never'))
) with (fillfactor = 80);
-- Who is never heard is found here: nothing else is kept of them.
create index roll_call_never_heard on telemetry.roll_call (region_code, terminal_id) where data = 'never';

-- By owner (0 is the operator, -1 is all owners together), region, profile, state and what is known of data.
create table telemetry.tally (
    group_client_id int4 not null,
    region_code int4 not null,
    profile_id int4 not null,
    state text not null,
    data text not null,
    terminals int8 not null,
    primary key (group_client_id, region_code, profile_id, state, data)
);

-- How far the registry's feed of changes was followed (one row); null: nobody was called yet.
create table telemetry.roll_call_clock (
    only_one boolean primary key default true constraint roll_call_has_one_clock check (only_one),
    turn int8 not null default 0,
    position xid8,
    as_of timestamptz,
    complete boolean not null default false
);
insert into telemetry.roll_call_clock default values;

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'batch', 'bridge', 'completeness', 'event', 'follower', 'fragment', 'gap', 'identity', 'latest', 'presence', 'presence_change',
         'presence_clock', 'profile_tables', 'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt', 'replay', 'replay_item',
         'roll_call', 'roll_call_clock', 'tally'));
