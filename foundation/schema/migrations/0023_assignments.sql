-- Who serves a group client, from when to when: an account manager who answers for it, and at most one agent.
create table registry.assignment (
    id int8 generated always as identity primary key,
    group_client_id int4 not null references registry.group_client,
    role text not null constraint serving_role_is_known check (role in ('account_manager', 'agent')),
    person text not null references registry.user_account (name),
    valid_from timestamptz not null,
    valid_to timestamptz,
    note text constraint assignment_note_is_short check (length(note) <= 500),
    assigned_at timestamptz not null default now(),
    assigned_by text not null,
    ended_by text,
    end_note text constraint end_note_is_short check (length(end_note) <= 500),
    constraint assignment_interval_is_ordered check (valid_to > valid_from),
    constraint assignment_begins_once unique (group_client_id, role, valid_from)
);
create unique index one_serves_at_a_time on registry.assignment (group_client_id, role) where valid_to is null;
create index assignment_person on registry.assignment (person, group_client_id);

-- What account managers and agents see follows from here on from whom they serve. Where several of one role had a
-- client on their lists, who was appointed first and is in force serves it.
insert into registry.assignment (group_client_id, role, person, valid_from, assigned_by)
select distinct on (c.id, u.role) c.id, u.role, u.name, now(), 'system:migration'
from registry.user_account u join registry.group_client c on c.id = any (u.group_client_ids)
where u.role in ('account_manager', 'agent')
order by c.id, u.role, u.disabled_at is not null, u.id;
update registry.user_account set group_client_ids = '{}' where role in ('account_manager', 'agent');
alter table registry.user_account
    add constraint who_serves_has_no_list check (role not in ('account_manager', 'agent') or group_client_ids = '{}');

-- Files that somebody has to do something about, what waits longest first.
create index group_client_work on registry.group_client (file_since, id) where file_state in ('surveyed', 'filed', 'due');
