-- Who supervised a group client from when to when, and below which other client it was. What the client's own row
-- says is the open interval; triggers write the others as it changes.
create table registry.supervision (
    group_client_id int4 not null references registry.group_client,
    region_code int4 not null references registry.region,
    level text not null constraint supervision_level_is_known check (level in ('headquarters', 'province', 'city')),
    valid_from timestamptz not null,
    valid_to timestamptz,
    moved_by text not null,
    primary key (group_client_id, valid_from),
    constraint supervision_interval_is_ordered check (valid_to > valid_from)
);
create unique index one_supervision_at_a_time on registry.supervision (group_client_id) where valid_to is null;
create index supervision_region on registry.supervision (region_code);

-- parent_id null: below none.
create table registry.parentage (
    group_client_id int4 not null references registry.group_client,
    parent_id int4 references registry.group_client,
    valid_from timestamptz not null,
    valid_to timestamptz,
    moved_by text not null,
    primary key (group_client_id, valid_from),
    constraint parentage_interval_is_ordered check (valid_to > valid_from)
);
create unique index one_parent_at_a_time on registry.parentage (group_client_id) where valid_to is null;
create index parentage_parent on registry.parentage (parent_id);

insert into registry.supervision (group_client_id, region_code, level, valid_from, moved_by)
select c.id, c.region_code, c.level, c.created_at, 'system:migration' from registry.group_client c;
insert into registry.parentage (group_client_id, parent_id, valid_from, moved_by)
select c.id, c.parent_id, c.created_at, 'system:migration' from registry.group_client c;
