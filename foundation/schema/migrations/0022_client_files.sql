-- The client file as a process: what is known of a client, who surveyed, filed and verified it and when.
alter table registry.tier
    -- What an unverified or due file does to the client's terminals.
    add column file_policy text not null default 'warn'
        constraint file_policy_is_known check (file_policy in ('none', 'warn', 'hold_in_testing')),
    add column verification_days int4 not null default 365
        constraint verification_days_are_sane check (verification_days between 1 and 3650),
    add column version int4 not null default 1,
    add constraint history_days_are_positive check (history_days > 0),
    add constraint terminal_quota_is_no_debt check (terminal_quota >= 0);

-- A code is one legal entity's. Where it was noted twice it stays with the client that came first; the audit says what was.
update registry.group_client c set credit_code = null, version = version + 1
where exists (select from registry.group_client o where o.credit_code = c.credit_code and o.id < c.id);
create unique index credit_code_is_one_clients on registry.group_client (credit_code);

alter table registry.group_client
    add column file_reason text constraint file_reason_is_short check (length(file_reason) between 1 and 500),
    add column filed_by text,
    add column verified_by text,
    add column due_at timestamptz,
    add column standing_reason text constraint standing_reason_is_short check (length(standing_reason) between 1 and 500),
    add constraint who_files_does_not_verify check (verified_by is null or filed_by is not null and filed_by <> verified_by);
comment on column registry.group_client.filed_by is 'who vouches for what stands in the file, as the audit names them';
comment on column registry.group_client.due_at is 'when a verified file is due again';
update registry.group_client set filed_by = 'system:upgrade' where file_state in ('filed', 'verified', 'due');
update registry.group_client set due_at = file_since + interval '365 days' where file_state in ('verified', 'due');
create index group_client_due on registry.group_client (due_at, id) where file_state = 'verified';

-- What a survey found out, and whom to ask there: the operator's knowledge, never the client's to see.
create table registry.client_file (
    group_client_id int4 primary key references registry.group_client,
    products text constraint products_are_short check (length(products) between 1 and 2000),
    rivals text constraint rivals_are_short check (length(rivals) between 1 and 2000),
    expected_terminals int4 constraint expected_terminals_are_sane check (expected_terminals between 0 and 100000000),
    needs text constraint needs_are_short check (length(needs) between 1 and 2000),
    contacts jsonb not null default '[]' constraint contacts_are_few check (jsonb_typeof(contacts) = 'array' and jsonb_array_length(contacts) <= 10),
    answered_at timestamptz not null default now(),
    answered_by text not null
);

-- What there is to show for a file: the document's name and the hash that it is known again by.
create table registry.client_evidence (
    id int8 generated always as identity primary key,
    group_client_id int4 not null references registry.group_client,
    name text not null constraint evidence_name_is_short check (length(name) between 1 and 200),
    sha256 text not null constraint evidence_sha256_is_hexadecimal check (sha256 ~ '^[0-9a-f]{64}$'),
    note text constraint evidence_note_is_short check (length(note) between 1 and 500),
    added_at timestamptz not null default now(),
    actor text not null,
    constraint evidence_is_added_once unique (group_client_id, sha256)
);
create index client_evidence_client on registry.client_evidence (group_client_id, id);

-- Each state that a file came to, the first one too.
create table registry.client_file_move (
    id int8 generated always as identity primary key,
    group_client_id int4 not null references registry.group_client,
    at timestamptz not null,
    from_state text,
    to_state text not null,
    reason text,
    actor text not null
);
create index client_file_move_client on registry.client_file_move (group_client_id, id);

-- Each standing that a client came to, the first one too, and since when: what growth is counted from.
create table registry.client_standing (
    id int8 generated always as identity primary key,
    group_client_id int4 not null references registry.group_client,
    since timestamptz not null,
    from_standing text,
    to_standing text not null,
    reason text,
    actor text not null,
    noted_at timestamptz not null default now()
);
create index client_standing_client on registry.client_standing (group_client_id, id);
create index client_standing_since on registry.client_standing (since);

insert into registry.client_file_move (group_client_id, at, to_state, actor)
select id, file_since, file_state, 'system:upgrade' from registry.group_client order by id;
insert into registry.client_standing (group_client_id, since, to_standing, actor)
select id, standing_since, standing, 'system:upgrade' from registry.group_client order by id;

-- How many terminals a client owns that are not retired: held against its tier's quota.
create table registry.client_terminals (
    group_client_id int4 primary key references registry.group_client,
    terminals int4 not null
);
insert into registry.client_terminals
select group_client_id, count(*) from registry.terminal
where group_client_id is not null and state <> 'retired' group by 1 order by 1;
