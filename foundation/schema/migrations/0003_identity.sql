-- Who signs in: second factors, passwords that must be changed, sessions that can be listed and ended.
alter table registry.user_account
    add column created_by text,
    add column password_changed_at timestamptz not null default now(),
    add column must_change_password boolean not null default false,
    add column sealed_second_factor bytea,
    add column second_factor_at timestamptz,
    add column second_factor_step int8,
    add column recovery_hashes bytea[] not null default '{}',
    add constraint second_factor_has_a_secret check (second_factor_at is null or sealed_second_factor is not null);
comment on column registry.user_account.second_factor_at is 'when the secret was confirmed by a first code; null: no second factor';
comment on column registry.user_account.second_factor_step is 'time step of the last code that was taken: each is taken once';
create index user_account_group_clients on registry.user_account using gin (group_client_ids);

alter table registry.api_key add column created_by text;

alter table registry.user_session
    add column id uuid not null default gen_random_uuid() constraint session_id_is_unique unique,
    add column source text,
    add column user_agent text,
    add column second_factor_at timestamptz;

-- Their successors in the routines ask for more, and an older API must not open sessions without it.
drop function if exists registry.find_user(text), registry.find_session(bytea, int4), registry.open_session(int4, bytea, int4),
    registry.close_sessions_of(int4);
