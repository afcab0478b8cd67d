-- The life of a SIM: periods that end by themselves, every state that it was in, and which numbers are at home.
alter table registry.sim
    add column test_until timestamptz,
    add column silent_until timestamptz,
    -- When the state that it is in ends by itself, and when Muster puts it into use unless somebody does before.
    add column period_until timestamptz generated always as
        (case state when 'testing' then test_until when 'silent' then silent_until end) stored,
    add column activates_at timestamptz generated always as
        (case when state = 'testing' and test_until is not null then greatest(test_until, silent_until)
            when state = 'silent' then silent_until end) stored,
    add constraint sim_silence_follows_its_test check (silent_until >= test_until),
    add constraint sim_apn_is_short check (length(apn) between 1 and 100),
    add constraint sim_plan_is_short check (length(plan) between 1 and 64),
    add constraint sim_reason_is_short check (length(reason) between 1 and 200);
create index sim_state on registry.sim (state, id);
create index sim_plan on registry.sim (plan, id) where plan is not null;
create index sim_apn on registry.sim (apn, id) where apn is not null;
create index sim_period on registry.sim (period_until, id) where period_until is not null;
create index sim_activation on registry.sim (activates_at, id) where activates_at is not null;

-- From which state to which a SIM went, when, by whom and why; `group_client_id` is whose it was then
-- (null is the operator). No reference to group_client: what was done outlives a client's file.
create table registry.sim_state_change (
    id bigint generated always as identity primary key,
    sim_id int4 not null references registry.sim,
    at timestamptz not null,
    from_state text not null,
    to_state text not null,
    set_by text not null,
    actor text not null,
    reason text,
    group_client_id int4
);
create index sim_state_change_sim on registry.sim_state_change (sim_id, id);

-- Whose subscriptions begin with which digits (MCC and MNC), and whose numbers: reference data.
create table registry.network (
    prefix text primary key constraint network_prefix_is_digits check (prefix ~ '^[0-9]{5,6}$'),
    operator text not null,
    title_zh text not null,
    title_en text not null,
    home boolean not null
);
create table registry.number_range (
    prefix text not null constraint number_prefix_is_digits check (prefix ~ '^[0-9]{1,13}$'),
    digits int2 not null constraint number_length_is_known check (digits in (11, 13)),
    operator text not null,
    primary key (prefix, digits)
);
