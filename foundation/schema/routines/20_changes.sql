-- Every change of what others keep in memory is noted in its own transaction, then announced.
create or replace function registry.note_changes() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- tg_argv: the kind noted, and the column that names the terminal or profile
    execute format('insert into registry.change (kind, id) select distinct %L, %I from changed', tg_argv[0], tg_argv[1]);
    notify muster_registry;
    return null;
end $$;

do $triggers$
declare
    watched record;
    happening text;
begin
    for watched in select * from (values
        ('terminal', 'terminal', 'id'), ('credential', 'credential', 'terminal_id'),
        ('wire_name', 'terminal', 'terminal_id'), ('ownership', 'terminal', 'terminal_id'),
        ('profile', 'profile', 'id'), ('profile_metric', 'profile', 'profile_id')) w(relation, kind, id_column)
    loop
        foreach happening in array array['insert', 'update', 'delete'] loop
            execute format('create or replace trigger note_%s after %s on registry.%I referencing %s table as changed for each statement execute function registry.note_changes(%L, %L)',
                happening, happening, watched.relation, case happening when 'delete' then 'old' else 'new' end, watched.kind, watched.id_column);
        end loop;
    end loop;
end $triggers$;

-- A client's lineage: itself and every ancestor.
create or replace function registry.note_lineage() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into registry.group_client_lineage (ancestor_id, group_client_id)
    select l.ancestor_id, new.id from registry.group_client_lineage l where l.group_client_id = new.parent_id
    union all select new.id, new.id;
    return null;
end $$;
create or replace trigger note_lineage after insert on registry.group_client
    for each row execute function registry.note_lineage();

-- Intervals of one terminal's owners follow each other without gap or overlap.
create or replace function registry.check_ownership() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (
        select from (
            select valid_from, valid_to, lead(valid_from) over (order by valid_from) as next_from,
                row_number() over (order by valid_from) as k
            from registry.ownership where terminal_id = new.terminal_id) t
        where (k = 1 and valid_from <> '-infinity') or (next_from is null and valid_to is not null)
            or (next_from is not null and valid_to is distinct from next_from)) then
        raise exception 'A terminal has exactly one owner at each moment.'
            using errcode = 'exclusion_violation', constraint = 'one_owner_at_each_moment';
    end if;
    return null;
end $$;
drop trigger if exists one_owner_at_each_moment on registry.ownership;
create constraint trigger one_owner_at_each_moment after insert or update on registry.ownership
    deferrable initially deferred for each row execute function registry.check_ownership();
