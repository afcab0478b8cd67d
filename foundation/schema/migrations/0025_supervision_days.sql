-- Roll-ups of supervision: what each day left behind, so that days can be compared.

-- Messages by sector, too; sums that were kept before are of none.
alter table telemetry.completeness_daily add column sector text not null default '',
    drop constraint completeness_daily_pkey, add primary key (day, group_client_id, region_code, sector);

-- SIMs in terminals that may connect, by the terminal's owner (0 is the operator, -1 is all owners together), region and
-- sector: how many there are, how many of them are bound, and with which verdict. Counted anew from time to time.
create table telemetry.binding_tally (
    group_client_id int4 not null,
    region_code int4 not null,
    sector text not null,
    sims_in_use int4 not null,
    sims_bound int4 not null,
    sims_ok int4 not null,
    sims_violated int4 not null,
    primary key (group_client_id, region_code, sector)
);

-- When they were counted (one row).
create table telemetry.supervision_clock (
    only_one boolean primary key default true constraint supervision_has_one_clock check (only_one),
    bindings_at timestamptz
);
insert into telemetry.supervision_clock default values;

-- The days that were taken, of the deployment's zone; one that was not is absent.
create table telemetry.supervision_day (
    day date primary key,
    ended_at timestamptz not null,
    taken_at timestamptz not null
);

-- How the fleet was when a day had ended, by owner, region and sector as above; `supervised_in` is the region that supervised
-- the owner then. `due` are the readings a day of the terminals in service then, `expected` those of the ones that had been so
-- the day before, too: null where that day was not taken.
create table telemetry.supervision_daily (
    day date not null,
    group_client_id int4 not null,
    region_code int4 not null,
    supervised_in int4,
    registered int4 not null,
    provisioned int4 not null,
    testing int4 not null,
    in_service int4 not null,
    maintenance int4 not null,
    isolated int4 not null,
    retired int4 not null,
    online int4 not null,
    sims_in_use int4 not null,
    sims_bound int4 not null,
    sims_ok int4 not null,
    sims_violated int4 not null,
    due int8 not null,
    expected int8,
    sector text not null,
    primary key (day, group_client_id, region_code, sector)
);
select public.create_hypertable('telemetry.supervision_daily', public.by_range('day', interval '1 day'), create_default_indexes => false);

-- Each client as it was at the end of the days from `since` until before `until`.
create table telemetry.supervised_client (
    group_client_id int4 not null,
    since date not null,
    until date,
    region_code int4 not null,
    level text not null,
    industry_code text not null,
    tier_code text not null,
    file_state text not null,
    standing text not null,
    primary key (group_client_id, since),
    constraint supervised_client_interval_is_ordered check (until > since)
);

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'batch', 'binding_tally', 'bridge', 'completeness', 'event', 'follower', 'fragment', 'gap', 'identity', 'latest', 'presence',
         'presence_change', 'presence_clock', 'profile_tables', 'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt', 'replay',
         'replay_item', 'roll_call', 'roll_call_clock', 'supervised_client', 'supervision_clock', 'supervision_day', 'tally'));
