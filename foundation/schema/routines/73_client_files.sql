-- Whoever moves a file signs it. Who changes the credit code of one vouches for it anew, and what was verified is due.
create or replace function registry.sign_file() returns trigger
language plpgsql as $$
declare
    was text := case when tg_op = 'UPDATE' then old.file_state end;
begin
    if tg_op = 'UPDATE' and new.credit_code is distinct from old.credit_code and new.file_state in ('filed', 'verified', 'due') then
        new.filed_by := registry.acting();
        new.verified_by := null;
        if new.file_state = 'verified' then
            new.file_state := 'due';
            new.file_since := clock_timestamp();
            new.file_reason := 'the credit code was changed';
        end if;
    end if;
    if new.file_state is distinct from was then
        if new.file_state = 'surveyed' or new.file_state = 'filed' then
            new.verified_by := null;
            new.filed_by := case new.file_state when 'filed' then registry.acting() end;
        elsif tg_op = 'INSERT' and new.file_state in ('verified', 'due') then
            new.filed_by := registry.acting();
        elsif new.file_state = 'verified' then
            new.verified_by := registry.acting();
        end if;
        new.due_at := case new.file_state
            when 'verified' then coalesce(new.due_at, new.file_since + make_interval(days => (
                select t.verification_days from registry.tier t where t.code = new.tier_code)))
            when 'due' then least(new.due_at, new.file_since) end;
    end if;
    return new;
end $$;
create or replace trigger sign_file before insert or update on registry.group_client
    for each row execute function registry.sign_file();

-- Every state of a file and every standing of a client is noted, whoever brings it there and however.
create or replace function registry.note_client_lives() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        insert into registry.client_file_move (group_client_id, at, to_state, reason, actor)
        select n.id, n.file_since, n.file_state, n.file_reason, registry.acting() from changed n order by n.id;
        insert into registry.client_standing (group_client_id, since, to_standing, reason, actor)
        select n.id, n.standing_since, n.standing, n.standing_reason, registry.acting() from changed n order by n.id;
    else
        insert into registry.client_file_move (group_client_id, at, from_state, to_state, reason, actor)
        select n.id, n.file_since, o.file_state, n.file_state, n.file_reason, registry.acting()
        from changed n join former o on o.id = n.id where n.file_state <> o.file_state order by n.id;
        insert into registry.client_standing (group_client_id, since, from_standing, to_standing, reason, actor)
        select n.id, n.standing_since, o.standing, n.standing, n.standing_reason, registry.acting()
        from changed n join former o on o.id = n.id where n.standing <> o.standing order by n.id;
    end if;
    return null;
end $$;
create or replace trigger note_first_lives after insert on registry.group_client
    referencing new table as changed for each statement execute function registry.note_client_lives();
create or replace trigger note_client_lives after update on registry.group_client
    referencing old table as former new table as changed for each statement execute function registry.note_client_lives();

create or replace function registry.refuse_rewriting_of_files() returns trigger
language plpgsql as $$
begin
    -- What was noted of a client goes with it, where the undo of an import takes it off the roll (74_client_imports).
    if tg_level = 'ROW' and not exists (select from registry.group_client c where c.id = old.group_client_id) then
        return old;
    end if;
    raise exception 'The history and the evidence of a file are only ever added to.'
        using errcode = 'restrict_violation', constraint = 'file_history_is_only_added_to';
end $$;

-- How many terminals a client has, counted as they come and go. Who would have more than the tier's quota is refused; of two that
-- come at once the second one finds the first counted.
create or replace function registry.count_terminals() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    excess record;
    gone constant text := 'select group_client_id, -1 as n from former where group_client_id is not null and state <> ''retired''';
    come constant text := 'select group_client_id, 1 as n from changed where group_client_id is not null and state <> ''retired''';
begin
    execute format('with moved as (
            select m.group_client_id, sum(m.n)::int4 as n from (%s) m group by 1 having sum(m.n) <> 0),
        counted as (
            insert into registry.client_terminals as c (group_client_id, terminals)
            select m.group_client_id, m.n from moved m order by 1
            on conflict (group_client_id) do update set terminals = c.terminals + excluded.terminals
            returning c.group_client_id, c.terminals)
        select g.code, t.terminal_quota, c.terminals - m.n as terminals, m.n as more
        from counted c join moved m on m.group_client_id = c.group_client_id and m.n > 0
        join registry.group_client g on g.id = c.group_client_id join registry.tier t on t.code = g.tier_code
        where c.terminals > t.terminal_quota order by g.code limit 1',
        case tg_op when 'INSERT' then come when 'DELETE' then gone else come || ' union all ' || gone end) into excess;
    if excess.code is not null then
        raise exception 'More terminals than the tier allows.' using errcode = 'exclusion_violation', constraint = 'terminal_quota_is_kept',
            detail = format('The tier of %s allows %s terminals; it has %s, and %s more would be too many.',
                excess.code, excess.terminal_quota, excess.terminals, excess.more);
    end if;
    return null;
end $$;
create or replace trigger count_new_terminals after insert on registry.terminal
    referencing new table as changed for each statement execute function registry.count_terminals();
create or replace trigger terminal_quota_is_kept after update on registry.terminal
    referencing old table as former new table as changed for each statement execute function registry.count_terminals();
create or replace trigger count_gone_terminals after delete on registry.terminal
    referencing old table as former for each statement execute function registry.count_terminals();

-- Whether a tier holds terminals back while the file is in that state.
create or replace function registry.file_holds(file_policy text, file_state text) returns boolean
language sql immutable parallel safe
return file_policy = 'hold_in_testing' and file_state <> 'verified';

create or replace function registry.refuse_unverified(client text, file_state text) returns void
language plpgsql as $$
begin
    raise exception 'The file is not verified.' using errcode = 'exclusion_violation', constraint = 'file_is_verified_before_service',
        detail = format('%s: it is %s, and the tier keeps terminals out of service until it is verified.',
            coalesce('The file of ' || client || ' is not verified', 'The file of the terminal''s owner is not verified'), file_state);
end $$;

-- No terminal comes into service, or to another owner in it, while that one's file does not let it.
create or replace function registry.hold_terminals() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    held record;
begin
    execute format($query$select c.file_state, case when registry.scope_everything() or c.id in (select registry.visible_group_clients()) then c.code end as client
        from (%s) n join registry.group_client c on c.id = n.group_client_id join registry.tier t on t.code = c.tier_code
        where registry.file_holds(t.file_policy, c.file_state) limit 1$query$,
        case tg_op when 'INSERT' then 'select group_client_id from changed where state = ''in_service'''
            else 'select n.group_client_id from changed n join former o on o.id = n.id where n.state = ''in_service''
                and (o.state <> ''in_service'' or o.group_client_id is distinct from n.group_client_id)' end) into held;
    if held.file_state is not null then
        perform registry.refuse_unverified(held.client, held.file_state);
    end if;
    return null;
end $$;
create or replace trigger hold_new_terminals after insert on registry.terminal
    referencing new table as changed for each statement execute function registry.hold_terminals();
create or replace trigger file_is_verified_before_service after update on registry.terminal
    referencing old table as former new table as changed for each statement execute function registry.hold_terminals();

-- Refuse that a client agrees to what it could not take: more terminals than its tier allows, or such as its file keeps out of service.
create or replace function registry.check_receiver(transfer_id int4) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    receiver record;
begin
    select c.code, c.file_state, t.terminal_quota, f.terminals as more, coalesce(n.terminals, 0) as terminals,
        registry.file_holds(t.file_policy, c.file_state) and exists (
            select from registry.transfer_terminal x join registry.terminal m on m.id = x.terminal_id
            where x.transfer_id = f.id and m.state = 'in_service') as held
    into receiver
    from registry.transfer f join registry.group_client c on c.id = f.receiving_id
    join registry.tier t on t.code = c.tier_code left join registry.client_terminals n on n.group_client_id = c.id
    where f.id = check_receiver.transfer_id;
    if receiver.terminals + receiver.more > receiver.terminal_quota then
        raise exception 'More terminals than the tier allows.' using errcode = 'exclusion_violation', constraint = 'terminal_quota_is_kept',
            detail = format('The tier of %s allows %s terminals; it has %s, and %s more would be too many.',
                receiver.code, receiver.terminal_quota, receiver.terminals, receiver.more);
    end if;
    if receiver.held then
        perform registry.refuse_unverified(receiver.code, receiver.file_state);
    end if;
end $$;
revoke all on function registry.check_receiver(int4) from public;
grant execute on function registry.check_receiver(int4) to muster_api;

do $policies$
declare
    relation text;
    of_the_client constant text := '((select registry.scope_everything()) or group_client_id in (select registry.visible_group_clients()))';
begin
    foreach relation in array array['client_file', 'client_evidence', 'client_file_move', 'client_standing', 'client_terminals'] loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I to muster_api, muster_reader, muster_jobs using (%s) with check (%2$s)', relation,
            case relation when 'client_terminals' then '' else '(select registry.scope_reads_files()) and ' end || of_the_client);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_inspect using (true)', relation);
    end loop;
    foreach relation in array array['client_evidence', 'client_file_move', 'client_standing'] loop
        execute format('create or replace trigger no_rewriting before update or %s truncate on registry.%I
            for each statement execute function registry.refuse_rewriting_of_files()',
            case relation when 'client_evidence' then 'delete or' else '' end, relation);
        if relation <> 'client_evidence' then
            execute format('create or replace trigger no_deleting before delete on registry.%I
                for each row execute function registry.refuse_rewriting_of_files()', relation);
        end if;
    end loop;
    -- Tiers are everybody's to read and the headquarters' to change.
    alter table registry.tier enable row level security, force row level security;
    drop policy if exists readable on registry.tier;
    create policy readable on registry.tier for select using (true);
    drop policy if exists headquarters on registry.tier;
    create policy headquarters on registry.tier to muster_api using ((select registry.scope_everything())) with check ((select registry.scope_everything()));
    drop policy if exists everybody on registry.tier;
    create policy everybody on registry.tier to muster_owner using (true);
end
$policies$;
revoke all on registry.client_file, registry.client_evidence, registry.client_file_move, registry.client_standing, registry.client_terminals
    from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select on registry.client_file, registry.client_evidence, registry.client_file_move, registry.client_standing, registry.client_terminals
    to muster_api, muster_inspect;
grant select on registry.client_terminals to muster_jobs;
grant insert, update on registry.client_file to muster_api;
grant insert on registry.client_evidence to muster_api;
grant update on registry.tier to muster_api;
grant update (file_state, file_since, file_reason, filed_by, verified_by, due_at, version) on registry.group_client to muster_jobs;

do $audited$
begin
    -- Of the operator: a client reads the audit of its own things, and this is what is thought of it.
    perform registry.audit_changes('registry.client_file', 'c.code', joined => 'join registry.group_client c on c.id = r.group_client_id');
    perform registry.audit_changes('registry.client_evidence', 'c.code', part => 'r.name',
        joined => 'join registry.group_client c on c.id = r.group_client_id');
end
$audited$;
