-- Every change of what others keep in memory is noted in its own transaction, then announced. Of
-- owners they keep what the terminal's own row says.
create or replace function registry.note_changes() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- tg_argv: the kind noted, and the column that names the terminal, client or profile
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
        ('wire_name', 'terminal', 'terminal_id'), ('group_client', 'group_client', 'id'),
        ('profile', 'profile', 'id'), ('profile_metric', 'profile', 'profile_id')) w(relation, kind, id_column)
    loop
        foreach happening in array array['insert', 'update', 'delete'] loop
            execute format('create or replace trigger note_%s after %s on registry.%I referencing %s table as changed for each statement execute function registry.note_changes(%L, %L)',
                happening, happening, watched.relation, case happening when 'delete' then 'old' else 'new' end, watched.kind, watched.id_column);
        end loop;
    end loop;
end $triggers$;

-- A client's lineage: itself and every ancestor, whom nobody moves meanwhile (43_supervision).
create or replace function registry.note_lineage() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    lock table registry.group_client_lineage in row exclusive mode;
    insert into registry.group_client_lineage (ancestor_id, group_client_id)
    select l.ancestor_id, new.id from registry.group_client_lineage l where l.group_client_id = new.parent_id
    union all select new.id, new.id;
    return null;
end $$;
create or replace trigger note_lineage after insert on registry.group_client
    for each row execute function registry.note_lineage();

-- What is dated is in one state at a time. A set at a time, because an exclusion constraint costs
-- 40 us a row. tg_argv: the column that may not be twice at a time, and the rule that is broken then.
create or replace function registry.check_intervals() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    twice boolean;
begin
    execute format('select exists (select from changed n join registry.%I o on o.%2$I = n.%2$I
        and (o.terminal_id, o.valid_from) <> (n.terminal_id, n.valid_from)
        and o.valid_from < coalesce(n.valid_to, ''infinity'') and coalesce(o.valid_to, ''infinity'') > n.valid_from)',
        tg_table_name, tg_argv[0]) into twice;
    if twice then
        raise exception 'Intervals of one % overlap.', tg_argv[0]
            using errcode = 'exclusion_violation', constraint = tg_argv[1];
    end if;
    return null;
end $$;

do $triggers$
declare
    dated record;
    happening text;
begin
    for dated in select * from (values
        ('terminal_profile', 'terminal_id', 'one_profile_at_a_time'),
        ('terminal_gateway', 'terminal_id', 'one_gateway_at_a_time'),
        ('hardware', 'terminal_id', 'one_hardware_at_a_time'), ('hardware', 'imei', 'imei_is_in_one_terminal_at_a_time'),
        ('installation', 'terminal_id', 'terminal_has_one_sim_at_a_time'),
        ('installation', 'sim_id', 'sim_is_in_one_terminal_at_a_time')) d(relation, column_name, rule)
    loop
        foreach happening in array array['insert', 'update'] loop
            execute format('create or replace trigger %I after %s on registry.%I referencing new table as changed for each statement execute function registry.check_intervals(%L, %L)',
                dated.rule || '_' || happening, happening, dated.relation, dated.column_name, dated.rule);
        end loop;
    end loop;
end $triggers$;

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
drop trigger if exists one_owner_at_each_moment_still on registry.ownership;
-- A first owner, from ever on and still, needs no look: the unique indexes let nothing stand beside it.
create constraint trigger one_owner_at_each_moment after insert on registry.ownership
    deferrable initially deferred for each row
    when (new.valid_from <> '-infinity' or new.valid_to is not null) execute function registry.check_ownership();
create constraint trigger one_owner_at_each_moment_still after update on registry.ownership
    deferrable initially deferred for each row execute function registry.check_ownership();
