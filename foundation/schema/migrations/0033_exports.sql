-- Exports: big windows of what was measured, read by a job into a file that is kept for some days.

-- What was asked for (`wanted`: of whom, what, from when to when) and what became of it. `group_client_id` is the client whose
-- people asked, and whose tier bounds it; null is the operator's side. A file is there when it is whole, and only then.
create table registry.export (
    id bigint generated always as identity primary key,
    asked_by text not null,
    asked_at timestamptz not null default now(),
    group_client_id int4 references registry.group_client on delete cascade,
    wanted jsonb not null,
    format text not null constraint export_format_is_known check (format in ('csv', 'ndjson', 'parquet')),
    state text not null default 'queued' constraint export_state_is_known check (state in
        ('queued', 'running', 'done', 'failed', 'cancelled', 'expired', 'deleted')),
    terminals int4 not null default 0,
    terminals_read int4 not null default 0,
    rows int8 not null default 0,
    size_bytes int8 not null default 0,
    sha256 bytea,
    has_card_numbers boolean not null default false,
    problem text,
    problem_text text,
    read_at timestamptz,
    finished_at timestamptz,
    expires_at timestamptz,
    swept_at timestamptz,
    constraint done_export_is_whole check (state <> 'done' or sha256 is not null and expires_at is not null and swept_at is null)
);
create index export_asker on registry.export (asked_by, id);
create index export_client on registry.export (group_client_id, asked_at);
create index export_kept on registry.export (id) include (size_bytes) where swept_at is null;

-- The file, in parts of one size but for the last.
create table registry.export_part (
    export_id bigint not null references registry.export on delete cascade,
    n int4 not null,
    bytes bytea not null,
    primary key (export_id, n)
);
alter table registry.export_part alter column bytes set storage external; -- what is kept is packed

-- Whose times are in it: of each terminal the stretches of ownership that were the asker's to see when it was read.
-- A terminal that leaves the roll again takes no file with it, so that none is referred to.
create table registry.export_stretch (
    export_id bigint not null references registry.export on delete cascade,
    terminal_id int4 not null,
    since timestamptz not null,
    until timestamptz not null,
    primary key (export_id, terminal_id, since)
);

-- How much the people of a client may have exported in 24 hours; null is no bound but the installation's.
alter table registry.tier
    add column exports_per_day int4 constraint exports_per_day_are_no_debt check (exports_per_day >= 0),
    add column export_bytes_per_day int8 constraint export_bytes_per_day_are_no_debt check (export_bytes_per_day >= 0);
