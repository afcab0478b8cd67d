-- What is owned: regions, group clients, profiles, terminals, SIMs, and who owns which from when.
create schema registry;
create schema telemetry;
create schema visible;
grant usage on schema registry to muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant usage on schema telemetry to muster_reader, muster_bridge, muster_jobs, muster_inspect, muster_api;
grant usage, create on schema visible to muster_reader;
grant usage on schema visible to muster_api, muster_jobs, muster_inspect;

-- A subtree of the supervision tree is the integer range code .. last_code.
create table registry.region (
    code int4 primary key,
    last_code int4 not null,
    level text not null constraint region_level_is_known check (level in ('headquarters', 'province', 'city')),
    parent_code int4 references registry.region,
    name_zh text not null,
    name_en text not null,
    tile_row int2,
    tile_column int2,
    constraint region_range_is_ordered check (last_code >= code)
);
create index region_parent on registry.region (parent_code);

create table registry.industry (
    code text primary key,
    title_zh text not null,
    title_en text not null,
    class text not null constraint industry_class_is_known check (class in ('growth', 'incubation', 'other'))
);

create table registry.tier (
    code text primary key,
    title_zh text not null,
    title_en text not null,
    offline_factor double precision not null default 3 constraint offline_factor_is_positive check (offline_factor > 0),
    history_days int4 not null default 365,
    terminal_quota int4
);

create table registry.group_client (
    id int4 generated always as identity primary key,
    code text not null constraint group_client_code_is_unique unique
        constraint group_client_code_is_plain check (code ~ '^[A-Za-z0-9_-]{1,64}$'),
    name text not null constraint group_client_name_is_short check (length(name) between 1 and 200),
    parent_id int4 references registry.group_client,
    region_code int4 not null references registry.region,
    level text not null constraint group_client_level_is_known check (level in ('headquarters', 'province', 'city')),
    industry_code text not null references registry.industry,
    tier_code text not null references registry.tier,
    credit_code text,
    file_state text not null default 'surveyed'
        constraint file_state_is_known check (file_state in ('surveyed', 'filed', 'verified', 'due', 'closed')),
    file_since timestamptz not null default now(),
    standing text not null default 'customer'
        constraint standing_is_known check (standing in ('prospect', 'customer', 'lost')),
    standing_since timestamptz not null default now(),
    value_grade text constraint value_grade_is_known check (value_grade in ('A', 'B', 'C', 'D')),
    watched boolean not null default false,
    created_at timestamptz not null default now(),
    version int4 not null default 1
);
create index group_client_region on registry.group_client (region_code, id);
create index group_client_parent on registry.group_client (parent_id);
create index group_client_industry on registry.group_client (industry_code);
create index group_client_tier on registry.group_client (tier_code);

-- Every client with each of its ancestors and itself: a client subtree in one look-up.
create table registry.group_client_lineage (
    ancestor_id int4 not null references registry.group_client,
    group_client_id int4 not null references registry.group_client,
    primary key (ancestor_id, group_client_id)
);
create index group_client_lineage_client on registry.group_client_lineage (group_client_id);

create table registry.profile (
    id int4 generated always as identity primary key,
    code text not null constraint profile_code_is_unique unique
        constraint profile_code_is_a_table_name check (code ~ '^[a-z][a-z0-9_]{0,40}$')
        constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
            ('alarm', 'batch', 'bridge', 'completeness', 'event', 'follower', 'gap', 'latest', 'presence',
             'profile_tables', 'quarantine', 'receipt')),
    sector text not null constraint sector_is_known check (sector in ('power', 'transport', 'security')),
    title_zh text not null,
    title_en text not null,
    codec text not null,
    expected_interval_seconds int4 not null constraint expected_interval_is_positive check (expected_interval_seconds > 0),
    clock_back_seconds int4 not null default 2592000 constraint clock_back_is_sane check (clock_back_seconds between 0 and 315360000),
    clock_ahead_seconds int4 not null default 600 constraint clock_ahead_is_sane check (clock_ahead_seconds between 0 and 86400),
    chunk_days int4 not null default 7 constraint chunk_days_are_known check (chunk_days in (1, 7, 30)),
    created_at timestamptz not null default now(),
    version int4 not null default 1
);

create table registry.profile_metric (
    id int4 generated always as identity primary key,
    profile_id int4 not null references registry.profile,
    name text not null constraint metric_name_is_a_column_name check (name ~ '^[a-z][a-z0-9_]{0,40}$'),
    position int2 not null,
    type text not null constraint metric_type_is_known check (type in ('double', 'bigint', 'boolean', 'text')),
    decimals int2 constraint decimals_are_few check (decimals between 0 and 9),
    unit text,
    low double precision,
    high double precision,
    title_zh text not null,
    title_en text not null,
    hidden boolean not null default false,
    constraint metric_name_is_unique unique (profile_id, name),
    constraint metric_position_is_unique unique (profile_id, position),
    constraint metric_range_is_ordered check (low <= high),
    constraint decimals_are_of_numbers check (decimals is null or type = 'double')
);

create table registry.terminal (
    id int4 generated always as identity primary key,
    code text not null constraint terminal_code_is_unique unique
        constraint terminal_code_is_plain check (code ~ '^[A-Za-z0-9_-]{1,64}$'),
    name text constraint terminal_name_is_short check (length(name) <= 200),
    state text not null default 'registered' constraint terminal_state_is_known check (state in
        ('registered', 'provisioned', 'testing', 'in_service', 'maintenance', 'isolated', 'retired')),
    state_since timestamptz not null default now(),
    profile_id int4 not null references registry.profile,
    group_client_id int4 references registry.group_client,
    owner_since timestamptz not null default '-infinity',
    region_code int4 not null references registry.region,
    gateway_id int4 references registry.terminal,
    latitude double precision constraint latitude_is_wgs84 check (latitude between -90 and 90),
    longitude double precision constraint longitude_is_wgs84 check (longitude between -180 and 180),
    tags text[] not null default '{}',
    registered_at timestamptz not null default now(),
    version int4 not null default 1,
    constraint gateway_is_another_terminal check (gateway_id <> id)
);
comment on column registry.terminal.group_client_id is 'copy of the open ownership interval; null is the operator itself';
create index terminal_region on registry.terminal (region_code, id);
create index terminal_client on registry.terminal (group_client_id, id);
create index terminal_profile_now on registry.terminal (profile_id, id);
create index terminal_state on registry.terminal (state); -- for the states that few are in
create index terminal_behind_gateway on registry.terminal (gateway_id) where gateway_id is not null;

-- Which profile a terminal had from when to when.
create table registry.terminal_profile (
    terminal_id int4 not null references registry.terminal,
    profile_id int4 not null references registry.profile,
    valid_from timestamptz not null,
    valid_to timestamptz,
    primary key (terminal_id, valid_from),
    constraint terminal_profile_interval_is_ordered check (valid_to > valid_from)
);
create unique index one_profile_at_a_time on registry.terminal_profile (terminal_id) where valid_to is null;
create index terminal_profile_profile on registry.terminal_profile (profile_id);

-- Behind which gateway a terminal was from when to when; terminal.gateway_id is a copy of the open one.
create table registry.terminal_gateway (
    terminal_id int4 not null references registry.terminal,
    gateway_id int4 not null references registry.terminal,
    valid_from timestamptz not null,
    valid_to timestamptz,
    primary key (terminal_id, valid_from),
    constraint terminal_gateway_interval_is_ordered check (valid_to > valid_from)
);
create unique index one_gateway_at_a_time on registry.terminal_gateway (terminal_id) where valid_to is null;
create index terminal_gateway_gateway on registry.terminal_gateway (gateway_id);

-- How a terminal calls itself in a protocol; unique behind one gateway (0 is none).
create table registry.wire_name (
    id int4 generated always as identity primary key,
    terminal_id int4 not null references registry.terminal,
    gateway_id int4 references registry.terminal,
    kind text not null constraint wire_name_kind_is_known check (kind in
        ('code', 'jt808_phone', 'meter_address', 'dc09_account', 'vin')),
    value text not null constraint wire_name_is_short check (length(value) between 1 and 64)
);
create unique index wire_name_is_unique_behind_a_gateway on registry.wire_name (kind, value, coalesce(gateway_id, 0));
create index wire_name_terminal on registry.wire_name (terminal_id);
create index wire_name_gateway on registry.wire_name (gateway_id);

-- Which hardware (IMEI) a terminal had from when to when.
create table registry.hardware (
    terminal_id int4 not null references registry.terminal,
    imei text not null constraint imei_is_15_digits check (imei ~ '^[0-9]{15}$'),
    valid_from timestamptz not null,
    valid_to timestamptz,
    primary key (terminal_id, valid_from),
    constraint hardware_interval_is_ordered check (valid_to > valid_from)
);
create unique index one_hardware_at_a_time on registry.hardware (terminal_id) where valid_to is null;
create index hardware_imei on registry.hardware (imei, valid_from);
create unique index imei_is_in_one_terminal_at_a_time on registry.hardware (imei) where valid_to is null;

create table registry.sim (
    id int4 generated always as identity primary key,
    iccid text not null constraint iccid_is_unique unique
        constraint iccid_is_normalised check (iccid ~ '^[0-9A-F]{18,20}$'),
    imsi text constraint imsi_is_15_digits check (imsi ~ '^[0-9]{15}$'),
    msisdn text constraint msisdn_is_11_or_13_digits check (msisdn ~ '^([0-9]{11}|[0-9]{13})$'),
    eid text constraint eid_is_32_digits check (eid ~ '^[0-9]{32}$'),
    state text not null default 'inventory' constraint sim_state_is_known check (state in
        ('inventory', 'testing', 'silent', 'active', 'suspended', 'pre_cancelled', 'cancelled', 'transferring')),
    reason text,
    set_by text not null default 'operator' constraint sim_actor_is_known check (set_by in ('client', 'operator', 'system')),
    intended text,
    pending_job text,
    since timestamptz not null default now(),
    apn text,
    plan text,
    group_client_id int4 references registry.group_client,
    region_code int4 not null references registry.region,
    registered_at timestamptz not null default now(),
    version int4 not null default 1
);
create unique index imsi_is_unique on registry.sim (imsi);
create unique index msisdn_is_unique on registry.sim (msisdn);
create index sim_client on registry.sim (group_client_id, id);
create index sim_region on registry.sim (region_code, id);

-- Which SIM is in which terminal from when to when.
create table registry.installation (
    sim_id int4 not null references registry.sim,
    terminal_id int4 not null references registry.terminal,
    valid_from timestamptz not null,
    valid_to timestamptz,
    primary key (terminal_id, valid_from),
    constraint sim_is_installed_once_at_a_time unique (sim_id, valid_from),
    constraint installation_interval_is_ordered check (valid_to > valid_from)
);
create unique index sim_is_in_one_terminal_at_a_time on registry.installation (sim_id) where valid_to is null;
create unique index terminal_has_one_sim_at_a_time on registry.installation (terminal_id) where valid_to is null;

-- Who owns a terminal from when to when: exactly one owner at each moment, null is the operator.
-- The code is copied because a former owner reads the own past of a terminal that is no longer theirs.
create table registry.ownership (
    terminal_id int4 not null references registry.terminal,
    terminal_code text not null,
    group_client_id int4 references registry.group_client,
    valid_from timestamptz not null,
    valid_to timestamptz,
    primary key (terminal_id, valid_from),
    constraint ownership_interval_is_ordered check (valid_to > valid_from)
);
create unique index one_owner_at_a_time on registry.ownership (terminal_id) where valid_to is null;
create index ownership_client on registry.ownership (group_client_id, terminal_id);
create index ownership_code on registry.ownership (terminal_code);

-- The broker's side of a terminal's credential; the secret itself is shown once and never kept.
create table registry.credential (
    terminal_id int4 primary key references registry.terminal,
    verifier text not null,
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);

create table registry.user_account (
    id int4 generated always as identity primary key,
    name text not null constraint user_name_is_unique unique
        constraint user_name_is_plain check (name ~ '^[A-Za-z0-9._@-]{1,64}$'),
    password_hash text not null,
    role text not null constraint role_is_known check (role in ('admin', 'operator', 'supervisor',
        'account_manager', 'agent', 'client_admin', 'client_viewer', 'scraper')),
    region_code int4 references registry.region,
    group_client_ids int4[] not null default '{}',
    created_at timestamptz not null default now(),
    disabled_at timestamptz,
    version int4 not null default 1
);
create index user_account_region on registry.user_account (region_code);

create table registry.api_key (
    id int4 generated always as identity primary key,
    name text not null,
    prefix text not null constraint key_prefix_is_unique unique,
    hash bytea not null constraint key_hash_is_unique unique,
    role text not null constraint key_role_is_known check (role in ('admin', 'operator', 'supervisor',
        'account_manager', 'agent', 'client_admin', 'client_viewer', 'scraper')),
    region_code int4 references registry.region,
    group_client_ids int4[] not null default '{}',
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
create index api_key_region on registry.api_key (region_code);

create table registry.user_session (
    token_hash bytea primary key,
    user_id int4 not null references registry.user_account,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index user_session_user on registry.user_session (user_id);

-- What changed, for those who keep a copy in memory (the bridge's directory, the broker's logins).
create table registry.change (
    n bigint generated always as identity primary key,
    xact xid8 not null default pg_current_xact_id(),
    kind text not null,
    id int4 not null,
    at timestamptz not null default clock_timestamp()
);
create index change_xact on registry.change (xact);
