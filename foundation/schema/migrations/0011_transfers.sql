-- Transfers: from one owner to another by consent of both, carried out once at a time that they agreed on.
alter table registry.terminal add column ownership_epoch int4 not null default 0;
comment on column registry.terminal.ownership_epoch is 'raised by every change of owner: what was ordered in an earlier one is void';

-- An interval that was ended after the fact: what was counted by the day of its end cannot be parted any more.
alter table registry.ownership add column ended_late boolean not null default false;

-- A side is named by its code while it is asked, and by its name from when it agrees. A receiving code
-- without a client is nobody's; without a code a side is the operator itself. The regions are those of
-- the terminals when it was proposed.
create table registry.transfer (
    id int4 generated always as identity primary key,
    state text not null default 'proposed' constraint transfer_state_is_known check (state in
        ('proposed', 'agreed', 'executed', 'refused', 'cancelled', 'expired', 'failed')),
    proposer text not null constraint proposer_is_known check (proposer in ('giving', 'operator')),
    giving_id int4 references registry.group_client,
    giving_code text,
    giving_name text,
    giving_agreed_at timestamptz,
    receiving_id int4 references registry.group_client,
    receiving_code text,
    receiving_name text,
    receiving_agreed_at timestamptz,
    terminals int4 not null constraint transfer_is_of_terminals check (terminals > 0),
    region_low int4 not null,
    region_high int4 not null,
    effective_at timestamptz,
    keep_description boolean not null,
    message text constraint transfer_message_is_short check (length(message) <= 500),
    proposed_at timestamptz not null default now(),
    expires_at timestamptz not null,
    ended_at timestamptz,
    end_reason text constraint transfer_reason_is_short check (length(end_reason) <= 500),
    version int4 not null default 1,
    constraint giving_side_has_a_code check ((giving_id is null) = (giving_code is null)),
    constraint receiving_side_has_a_code check (receiving_id is null or receiving_code is not null),
    constraint transfer_is_agreed_by_both check (state not in ('agreed', 'executed')
        or giving_agreed_at is not null and receiving_agreed_at is not null and effective_at is not null),
    constraint transfer_ends_once check ((ended_at is null) = (state in ('proposed', 'agreed')))
);
create index transfer_giving on registry.transfer (giving_id, id);
create index transfer_receiving on registry.transfer (receiving_id, id);
create index transfer_due on registry.transfer (effective_at, id) where state = 'agreed';
create index transfer_waiting on registry.transfer (expires_at) where state = 'proposed';

-- The code is copied because the receiving side does not see the terminals before they are its own.
create table registry.transfer_terminal (
    transfer_id int4 not null references registry.transfer,
    terminal_id int4 not null references registry.terminal,
    terminal_code text not null,
    profile_id int4 not null references registry.profile,
    open boolean not null default true,
    primary key (transfer_id, terminal_id)
);
create unique index terminal_is_in_one_open_transfer on registry.transfer_terminal (terminal_id) where open;
create index transfer_terminal_terminal on registry.transfer_terminal (terminal_id);
create index transfer_terminal_code on registry.transfer_terminal (terminal_code, transfer_id);
create index transfer_terminal_profile on registry.transfer_terminal (profile_id);

-- Who did what of a transfer: each step is the affair of the client that it was done for (null is the
-- operator), and the other side learns of it what the transfer itself says.
create table registry.transfer_step (
    id int8 generated always as identity primary key,
    transfer_id int4 not null references registry.transfer,
    act text not null constraint act_is_known check (act in
        ('proposed', 'agreed', 'executed', 'refused', 'cancelled', 'expired', 'failed', 'credentials')),
    side text constraint side_is_known check (side in ('giving', 'receiving')),
    group_client_id int4 references registry.group_client,
    at timestamptz not null default now(),
    actor text not null,
    evidence text constraint evidence_is_short check (length(evidence) <= 500)
);
create index transfer_step_transfer on registry.transfer_step (transfer_id, id);
create index transfer_step_client on registry.transfer_step (group_client_id);
create unique index credentials_are_handed_out_once on registry.transfer_step (transfer_id) where act = 'credentials';
