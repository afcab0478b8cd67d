-- How long what was measured is kept, what a legal hold keeps beyond that, and how much room it takes.

-- For how many days readings of a profile are kept raw, and their roll-ups; null is for ever. A client's tier may reach further.
alter table registry.profile
    add column raw_days int4 constraint raw_days_are_sane check (raw_days between 1 and 36500),
    add column rollup_days int4 constraint rollup_days_are_sane check (rollup_days between 1 and 36500),
    add constraint rollups_outlive_raw_readings check (rollup_days is null or coalesce(rollup_days >= raw_days, false));

-- What was measured of a client and those below it, of a terminal or of a profile, from `since` to `until`, is not dropped while
-- a hold on it is not lifted. It stays on record then.
create table registry.legal_hold (
    id int4 generated always as identity primary key,
    version int4 not null default 1,
    group_client_id int4 references registry.group_client,
    terminal_id int4 references registry.terminal,
    profile_id int4 references registry.profile,
    since timestamptz not null default '-infinity',
    until timestamptz not null default 'infinity',
    reason text not null constraint hold_reason_is_short check (length(reason) between 1 and 500),
    reference text not null constraint hold_reference_is_short check (length(reference) between 1 and 200),
    placed_at timestamptz not null default now(),
    placed_by text not null,
    lifted_at timestamptz,
    lifted_by text,
    lift_reason text constraint hold_lift_reason_is_short check (length(lift_reason) between 1 and 500),
    constraint hold_is_on_one_thing check (num_nonnulls(group_client_id, terminal_id, profile_id) = 1),
    constraint hold_window_is_ordered check (since < until),
    constraint hold_is_lifted_by_somebody check (num_nonnulls(lifted_at, lifted_by, lift_reason) in (0, 3))
);
create index legal_hold_client on registry.legal_hold (group_client_id);
create index legal_hold_terminal on registry.legal_hold (terminal_id);
create index legal_hold_profile on registry.legal_hold (profile_id);

-- What the readings of a profile take, as it was last measured, and what was dropped of them. `raw_since` is the beginning of the
-- oldest chunk of raw readings, `kept_days` how long they are kept in effect (null: for ever), and `next_drop_at` when the oldest
-- one that no hold keeps may go; `held_chunks` are those that would have gone but for a hold.
create table telemetry.profile_storage (
    profile_id int4 primary key,
    measured_at timestamptz,
    raw_bytes int8 not null default 0,
    compressed_bytes int8 not null default 0,
    rollup_bytes int8 not null default 0,
    raw_chunks int4 not null default 0,
    compressed_chunks int4 not null default 0,
    held_chunks int4 not null default 0,
    raw_since timestamptz,
    kept_days int4,
    next_drop_at timestamptz,
    dropped_at timestamptz,
    dropped_until timestamptz
);
