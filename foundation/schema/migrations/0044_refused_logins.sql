-- Whom a broker that asks us was told not to let in: of each terminal the last reason, and how often without a day's pause.
create table registry.refused_login (
    terminal_id int4 primary key references registry.terminal,
    why text not null constraint refused_login_is_for_a_known_reason check (why in ('wrong_password', 'no_password', 'other_client_id')),
    count int8 not null,
    first_at timestamptz not null,
    last_at timestamptz not null
);
create index refused_login_last on registry.refused_login (last_at);
