-- Which hardware a SIM may work in, from when to when, and what becomes of one that is found elsewhere. The rule is
-- people's and never rewritten; the verdict on it, and what was first seen, are kept with it as terminals speak.
create table registry.binding (
    id int4 generated always as identity primary key,
    sim_id int4 not null references registry.sim,
    mode text not null constraint binding_mode_is_known check (mode in ('off', 'first_seen', 'exact', 'imei_list', 'tac')),
    imeis text[] not null default '{}',
    tacs text[] not null default '{}',
    action text not null default 'event' constraint binding_action_is_known check (action in ('log', 'event', 'isolate', 'refuse')),
    reason text constraint binding_reason_is_short check (length(reason) between 1 and 500),
    set_by text not null,
    valid_from timestamptz not null default now(),
    valid_to timestamptz,
    version int4 not null default 1, -- counts the SIM's rules
    first_imei text,
    verdict text not null default 'unproven' constraint verdict_is_known check (verdict in ('ok', 'violated', 'unproven')),
    verdict_since timestamptz not null default now(),
    -- Why it is violated, which terminal said so, and what it said.
    violation text constraint violation_is_known check (violation in ('separation', 'sim_changed', 'rival_sim')),
    witness_id int4 references registry.terminal,
    heard_at timestamptz,
    heard_imei text,
    heard_iccid text,
    heard_imsi text,
    told boolean not null default false, -- whether the last event about it was of a violation
    constraint binding_is_set_once_at_a_time unique (sim_id, valid_from),
    constraint binding_interval_is_ordered check (valid_to > valid_from),
    constraint binding_names_what_its_mode_asks check (
        cardinality(imeis) = case mode when 'exact' then 1 when 'imei_list' then greatest(cardinality(imeis), 1) else 0 end
        and cardinality(tacs) = case mode when 'tac' then greatest(cardinality(tacs), 1) else 0 end),
    constraint binding_names_few check (cardinality(imeis) <= 1000 and cardinality(tacs) <= 100),
    constraint binding_names_no_blank check (array_position(imeis, null) is null and array_position(tacs, null) is null),
    constraint binding_imeis_are_15_digits check (array_to_string(imeis, ',') ~ '^([0-9]{15}(,|$))*$'),
    constraint binding_tacs_are_8_digits check (array_to_string(tacs, ',') ~ '^([0-9]{8}(,|$))*$'),
    constraint violation_is_of_the_violated check ((verdict = 'violated') = (violation is not null))
);
create unique index one_binding_at_a_time on registry.binding (sim_id) where valid_to is null;
create index binding_witness on registry.binding (witness_id) where witness_id is not null;
-- What holds now, by what people look for.
create index binding_verdict on registry.binding (verdict, sim_id) where valid_to is null and mode <> 'off';
create index binding_mode on registry.binding (mode, sim_id) where valid_to is null;

-- Another hardware for a bound SIM: who asks is never who approves.
create table registry.binding_request (
    id int4 generated always as identity primary key,
    sim_id int4 not null references registry.sim,
    group_client_id int4, -- whose the SIM was when it was asked; null is the operator
    imei text not null constraint binding_request_imei_is_15_digits check (imei ~ '^[0-9]{15}$'),
    reason text not null constraint binding_request_reason_is_short check (length(reason) between 1 and 500),
    requested_by text not null,
    requested_at timestamptz not null default now(),
    expires_at timestamptz not null,
    state text not null default 'open' constraint binding_request_state_is_known check (state in
        ('open', 'approved', 'declined', 'withdrawn', 'expired')),
    decided_by text,
    decided_at timestamptz,
    remark text constraint binding_request_remark_is_short check (length(remark) between 1 and 500),
    binding_id int4 references registry.binding,
    version int4 not null default 1,
    constraint binding_request_expires_later check (expires_at > requested_at),
    constraint nobody_approves_the_own_request check (state not in ('approved', 'declined') or decided_by <> requested_by),
    constraint decided_request_says_by_whom check ((state in ('approved', 'declined', 'withdrawn')) = (decided_by is not null and decided_at is not null)),
    constraint approved_request_has_its_binding check ((state = 'approved') = (binding_id is not null))
);
create unique index one_open_request_of_a_sim on registry.binding_request (sim_id) where state = 'open';
create index binding_request_sim on registry.binding_request (sim_id);
create index binding_request_state on registry.binding_request (state, id);
create index binding_request_binding on registry.binding_request (binding_id) where binding_id is not null;

-- What each terminal said last of itself. `heard_at` is of the newest word, `said_at` of when imei, iccid and imsi came
-- to be so or were said at a start; `findings` are what is odd about it besides bindings, each with what it is about.
create table telemetry.identity (
    terminal_id int4 primary key,
    imei text,
    iccid text,
    imsi text,
    apn text,
    firmware text,
    model text,
    boot text,
    heard_at timestamptz not null,
    said_at timestamptz not null,
    started_at timestamptz,
    previous_imei text,
    previous_boot text,
    turned_at timestamptz,
    shared_at timestamptz,
    findings jsonb not null default '{}'
) with (fillfactor = 70);
create index identity_imei on telemetry.identity (imei);
create index identity_iccid on telemetry.identity (iccid);
create index identity_imsi on telemetry.identity (imsi);

-- What identities and bindings gave rise to, by kind, newest first.
create index event_identity on telemetry.event (code, time) where code >= 'identity.' and code < 'identity/';

alter table registry.profile drop constraint profile_code_is_not_reserved,
    add constraint profile_code_is_not_reserved check (code !~ '(_hourly|_daily|_pkey)$' and code not in
        ('alarm', 'batch', 'bridge', 'completeness', 'event', 'follower', 'gap', 'identity', 'latest', 'presence', 'presence_change',
         'presence_clock', 'profile_tables', 'quarantine', 'quarantine_fault', 'quarantine_limit', 'receipt', 'replay', 'replay_item'));
