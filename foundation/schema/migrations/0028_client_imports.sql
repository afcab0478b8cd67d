-- Clients, and who serves them, come by the file: what a row changed was otherwise before (`before`, null of what it made),
-- and stands as the row left it while it has that version.
alter table registry.import_made add column before jsonb, add column version int4;

alter table registry.group_client add column order_ref text constraint order_ref_is_short check (length(order_ref) between 1 and 64);

-- A client that was put on the roll by mistake leaves it with all that was noted of it. Nobody deletes one but the undo of an import.
alter table registry.group_client_lineage
    drop constraint group_client_lineage_ancestor_id_fkey, drop constraint group_client_lineage_group_client_id_fkey,
    add constraint group_client_lineage_ancestor_id_fkey foreign key (ancestor_id) references registry.group_client on delete cascade,
    add constraint group_client_lineage_group_client_id_fkey foreign key (group_client_id) references registry.group_client on delete cascade;
alter table registry.client_file drop constraint client_file_group_client_id_fkey,
    add constraint client_file_group_client_id_fkey foreign key (group_client_id) references registry.group_client on delete cascade;
alter table registry.client_file_move drop constraint client_file_move_group_client_id_fkey,
    add constraint client_file_move_group_client_id_fkey foreign key (group_client_id) references registry.group_client on delete cascade;
alter table registry.client_standing drop constraint client_standing_group_client_id_fkey,
    add constraint client_standing_group_client_id_fkey foreign key (group_client_id) references registry.group_client on delete cascade;
alter table registry.client_terminals drop constraint client_terminals_group_client_id_fkey,
    add constraint client_terminals_group_client_id_fkey foreign key (group_client_id) references registry.group_client on delete cascade;
alter table registry.supervision drop constraint supervision_group_client_id_fkey,
    add constraint supervision_group_client_id_fkey foreign key (group_client_id) references registry.group_client on delete cascade;
-- Who was below it for a while was, then, below none.
alter table registry.parentage drop constraint parentage_group_client_id_fkey, drop constraint parentage_parent_id_fkey,
    add constraint parentage_group_client_id_fkey foreign key (group_client_id) references registry.group_client on delete cascade,
    add constraint parentage_parent_id_fkey foreign key (parent_id) references registry.group_client on delete set null;
