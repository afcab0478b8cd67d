-- Bulk provisioning: files that are checked row by row, applied, and undone, and the jobs that do it.

-- Work that takes longer than a request. Whoever holds one works on it until `held_until`, and says again
-- and again that it still does; what nobody holds any more is taken up by the next.
create table registry.job (
    id bigint generated always as identity primary key,
    kind text not null constraint job_kind_is_plain check (kind ~ '^[a-z_]+\.[a-z_]+$'),
    subject bigint not null,
    asked_by text not null,
    asked_at timestamptz not null default now(),
    region_low int4,
    region_high int4,
    state text not null default 'queued' constraint job_state_is_known check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    done bigint not null default 0,
    total bigint,
    started_at timestamptz,
    finished_at timestamptz,
    holder uuid,
    held_until timestamptz,
    attempts int4 not null default 0,
    problem text,
    constraint running_job_is_held check ((state = 'running') = (holder is not null and held_until is not null))
);
create index job_waiting on registry.job (id) where state in ('queued', 'running');
create index job_subject on registry.job (subject, id);
create index job_asker on registry.job (asked_by, id);

-- One file and what became of it. `columns` are those that the file has, in its order; `defaults` stand
-- where a cell is blank. `position`: up to which row it is applied (or undone, when it goes back).
create table registry.import (
    id bigint generated always as identity primary key,
    kind text not null constraint import_kind_is_plain check (kind ~ '^[a-z_]+$'),
    name text not null constraint import_name_is_short check (length(name) between 1 and 200),
    order_ref text constraint order_ref_is_short check (length(order_ref) between 1 and 64),
    defaults jsonb not null default '{}',
    size_bytes bigint not null,
    sha256 bytea not null,
    format text constraint import_format_is_known check (format in ('csv', 'xlsx', 'ndjson')),
    encoding text,
    columns text[] not null default '{}',
    asked_by text not null,
    asked_at timestamptz not null default now(),
    region_low int4,
    region_high int4,
    state text not null default 'waiting' constraint import_state_is_known check (state in
        ('waiting', 'checking', 'checked', 'unreadable', 'applying', 'applied', 'refused', 'undoing', 'undone', 'cancelled')),
    whole boolean not null default false,
    rows int4 not null default 0,
    wrong int4 not null default 0,
    warned int4 not null default 0,
    known int4 not null default 0,
    position int4 not null default 0,
    created int4 not null default 0,
    undone int4 not null default 0,
    kept int4 not null default 0,
    problem text,
    problem_row int4,
    problem_column text,
    problem_value text,
    applied_at timestamptz,
    secrets_until timestamptz,
    secrets_fetched_at timestamptz,
    swept_at timestamptz
);
create index import_asker on registry.import (asked_by, id);
create index import_order on registry.import (order_ref, id) where order_ref is not null;

-- The file as it came, in parts; gone once it is read.
create table registry.import_part (
    import_id bigint not null references registry.import on delete cascade,
    n int4 not null,
    bytes bytea not null,
    primary key (import_id, n)
);
alter table registry.import_part alter column bytes set storage external; -- what comes is packed, or read once

-- Its rows, numbered as a spreadsheet numbers them; a cell in the order of the kind's columns, in normal form,
-- null where there is none or it is wrong.
create table registry.import_row (
    import_id bigint not null references registry.import on delete cascade,
    row int4 not null,
    cells text[] not null,
    primary key (import_id, row)
);

-- What is wrong (or odd) with a row; column '' is the row as a whole.
create table registry.import_finding (
    import_id bigint not null references registry.import on delete cascade,
    row int4 not null,
    column_name text not null,
    code text not null,
    severity text not null constraint finding_severity_is_known check (severity in ('error', 'warning')),
    value text,
    primary key (import_id, row, column_name, code)
);
create index import_finding_errors on registry.import_finding (import_id, row) where severity = 'error';

-- What a row made: the terminal's, SIM's or binding's number, and whose it was then (0 is the operator); `kept` says why an undo could not take it back.
create table registry.import_made (
    import_id bigint not null references registry.import on delete cascade,
    row int4 not null,
    id int4 not null,
    tenant int4 not null,
    kept text,
    undone boolean not null default false,
    primary key (import_id, row)
);

-- Passwords that were made, sealed, a portion of the file each; gone once they are fetched.
create table registry.import_secret (
    import_id bigint not null references registry.import on delete cascade,
    n int4 not null,
    sealed bytea not null,
    primary key (import_id, n)
);

-- What an import did: of each owner (0 is the operator) how many rows and the hash over them, and of each
-- kind of change how many the database saw.
create table registry.import_link (
    import_id bigint not null references registry.import on delete cascade,
    deed text not null constraint linked_deed_is_known check (deed in ('apply', 'undo')),
    tenant int4 not null,
    rows int4 not null,
    hash bytea not null,
    primary key (import_id, deed, tenant)
);
create table registry.import_tally (
    import_id bigint not null references registry.import on delete cascade,
    deed text not null constraint tallied_deed_is_known check (deed in ('apply', 'undo')),
    action text not null,
    rows bigint not null,
    primary key (import_id, deed, action)
);

-- Under which order a thing came.
alter table registry.terminal add column order_ref text constraint order_ref_is_short check (length(order_ref) between 1 and 64);
create index terminal_order on registry.terminal (order_ref, id) where order_ref is not null;
alter table registry.sim add column order_ref text constraint order_ref_is_short check (length(order_ref) between 1 and 64);
create index sim_order on registry.sim (order_ref, id) where order_ref is not null;
