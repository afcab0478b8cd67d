-- Besides the bridges, who feeds what followers read: our own processes that find something out. Each numbers what it
-- commits. `mark` is drawn once, so that a place in one installation's feed is not taken for one in another's.
create table telemetry.feed_source (
    name text primary key,
    last_n bigint not null default 0,
    mark int4 not null default (random() * 2147483647)::int4
);
insert into telemetry.feed_source (name) values ('presence'), ('conditions');

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'alarm_note', 'batch', 'binding_tally', 'bridge', 'completeness', 'event', 'feed_source', 'follower',
         'fragment', 'gap', 'identity', 'latest', 'presence', 'presence_change', 'presence_clock', 'profile_tables',
         'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt', 'replay', 'replay_item', 'roll_call',
         'roll_call_clock', 'rollup', 'rollup_due', 'rule', 'rule_standing', 'supervised_client', 'supervision_clock',
         'supervision_day', 'tally'));
