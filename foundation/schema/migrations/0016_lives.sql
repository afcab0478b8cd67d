-- Terminals' lives with their history and reasons, gateways one deep, and sets of terminals.
alter table registry.terminal
    add column state_reason text constraint state_reason_is_short check (length(state_reason) between 1 and 500),
    add constraint tags_are_few check (cardinality(tags) <= 16),
    add constraint location_is_whole check ((latitude is null) = (longitude is null));
comment on column registry.terminal.state_reason is 'why it is in its state, where somebody said so';

-- Each move of a terminal's life. The state in which it was registered is the first one's from_state.
create table registry.terminal_move (
    id bigint generated always as identity primary key,
    terminal_id int4 not null references registry.terminal,
    at timestamptz not null default now(),
    from_state text not null,
    to_state text not null,
    reason text,
    actor text not null
);
create index terminal_move_terminal on registry.terminal_move (terminal_id, id);

-- What is behind a gateway is listed by number.
create index terminal_behind on registry.terminal (gateway_id, id) where gateway_id is not null;
drop index registry.terminal_behind_gateway;

-- A set of terminals: by hand, or what a query finds whenever it is read. A group client's, or of the
-- operator in a region.
create table registry.collection (
    id int4 generated always as identity primary key,
    name text not null constraint collection_name_is_short check (length(name) between 1 and 100),
    group_client_id int4 references registry.group_client,
    region_code int4 references registry.region,
    query jsonb constraint collection_query_is_an_object check (jsonb_typeof(query) = 'object'),
    created_at timestamptz not null default now(),
    version int4 not null default 1,
    constraint collection_is_a_clients_or_a_regions check ((group_client_id is null) <> (region_code is null))
);
create unique index collection_name_is_unique on registry.collection (coalesce(group_client_id, 0), coalesce(region_code, -1), name);
create index collection_client on registry.collection (group_client_id);
create index collection_region on registry.collection (region_code);

create table registry.collection_member (
    collection_id int4 not null references registry.collection,
    terminal_id int4 not null references registry.terminal,
    added_at timestamptz not null default now(),
    primary key (collection_id, terminal_id)
);
create index collection_member_terminal on registry.collection_member (terminal_id);
