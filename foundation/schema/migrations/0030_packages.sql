-- Packages: a tier and profiles under one name, given to a client in one step, in effect from a date.
create table registry.package (
    id int4 generated always as identity primary key,
    code text not null constraint package_code_is_taken_once unique
        constraint package_code_is_plain check (code ~ '^[A-Za-z0-9_-]{1,64}$'),
    title_zh text not null constraint package_title_zh_is_short check (length(title_zh) between 1 and 100),
    title_en text not null constraint package_title_en_is_short check (length(title_en) between 1 and 100),
    tier_code text not null references registry.tier,
    retired_at timestamptz,
    version int4 not null default 1
);
create index package_tier on registry.package (tier_code);

-- The profiles that terminals of its clients are of, in order: the first one where none is named.
create table registry.package_profile (
    package_id int4 not null references registry.package,
    position int2 not null,
    profile_id int4 not null references registry.profile,
    primary key (package_id, position),
    constraint profile_is_in_a_package_once unique (package_id, profile_id)
);
create index package_profile_profile on registry.package_profile (profile_id);

-- Which package a client had, has or is to have, from when to when. Kept with it is the tier that it gave, and the one before;
-- `follows_id` is what it took the place of, and what comes back when it is undone.
create table registry.client_package (
    id int8 generated always as identity primary key,
    group_client_id int4 not null references registry.group_client,
    package_id int4 not null references registry.package,
    state text not null constraint client_package_state_is_known check (state in ('planned', 'in_force', 'ended', 'undone', 'called_off')),
    valid_from timestamptz not null,
    valid_to timestamptz,
    note text constraint client_package_note_is_short check (length(note) between 1 and 500),
    applied_at timestamptz not null default now(),
    applied_by text not null,
    undone_by text,
    follows_id int8 references registry.client_package,
    tier_code text,
    tier_until timestamptz,
    former_tier_code text,
    former_tier_until timestamptz,
    constraint client_package_interval_is_ordered check (valid_to >= valid_from)
);
create unique index client_has_one_package on registry.client_package (group_client_id) where state = 'in_force';
create unique index client_has_one_planned_package on registry.client_package (group_client_id) where state = 'planned';
create index client_package_client on registry.client_package (group_client_id, id);
create index client_package_package on registry.client_package (package_id, state);
create index client_package_follows on registry.client_package (follows_id);
create index client_package_due on registry.client_package (valid_from, id) where state = 'planned';
