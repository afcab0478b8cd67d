-- Who is acting, as the transaction says; where it does not, whoever is connected.
create or replace function registry.acting() returns text
language sql stable
return coalesce(nullif(current_setting('muster.actor', true), ''),
    case when session_user like 'muster\_%' then 'system:' || substr(session_user, 8) else 'database:' || session_user end);

-- What the actor sees, as the transaction says.
create or replace function registry.acting_scope() returns json
language sql stable
return case when registry.scope_everything() then json_build_object('everything', true)
    when registry.scope_region_low() <= registry.scope_region_high()
    then json_build_object('region', array[registry.scope_region_low(), registry.scope_region_high()])
    else json_build_object('group_clients', registry.scope_group_clients()) end;

-- Which client a user or key belongs to, if it is one of a client's own; null is the operator.
create or replace function registry.client_of_account(role text, group_client_ids int4[]) returns int4
language sql immutable parallel safe
return case when role in ('client_admin', 'client_viewer', 'scraper') then group_client_ids[1] end;

-- The changes of a statement, as one entry of each owner whose things they are.
create or replace function registry.tell_changes() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- An import is told whole when it is done (`tell_import`), with a hash over its rows for each owner; until
    -- then each statement leaves its count. Only the jobs process imports: nobody else is believed.
    if session_user = 'muster_jobs' and coalesce(current_setting('muster.import', true), '') <> '' then
        insert into registry.import_tally as t (import_id, deed, action, rows)
        select split_part(current_setting('muster.import'), '.', 1)::bigint, split_part(current_setting('muster.import'), '.', 2),
            tg_table_name || '.' || lower(tg_op), count(*) from changed having count(*) > 0
        on conflict (import_id, deed, action) do update set rows = t.rows + excluded.rows;
    elsif exists (select from changed) then
        -- tg_argv: the query of what changed, from `audit_changes`
        execute format('insert into registry.audit (tenant, actor, scope, action, outcome, request, source, keys, size, changes)
            select tenant, $1, $2, $3, ''done'', $4, $5,
                array_remove(array_agg(distinct key) || array_agg(distinct part), null), count(*), json_agg(change)
            from (%s) told group by tenant', tg_argv[0])
        using registry.acting(), registry.acting_scope(), tg_table_name || '.' || lower(tg_op),
            nullif(current_setting('muster.request', true), ''), nullif(current_setting('muster.source', true), '');
    end if;
    return null;
end $$;

-- Have every change of a relation told. Given as SQL, of a row `r`: what it is found by (`key`, and
-- `part` of that), its owner (null: the operator), and what is joined for these. `noise` are columns
-- that change without anybody's doing; not every row that is new or gone need be news.
create or replace function registry.audit_changes(relation regclass, key text, part text default 'null', owner text default 'null',
    joined text default '', noise text[] default '{}', new_is_news text default 'true', gone_is_news text default 'true') returns void
language plpgsql as $$
declare
    side text := format('select %s as key, %s::text as part, coalesce(%s, 0) as tenant, r as %%s from %%s r %s', key, part, owner, joined);
    shown text; -- the changed rows without what is secret
    hidden text[];
    secrets text;
    same text;
begin
    -- What is secret, or can be tried against a secret, is never written: only that it changed.
    select case when bool_or(a.secret)
            then '(select ' || string_agg(quote_ident(a.name), ', ') filter (where not a.secret) || ' from changed)' else 'changed' end,
        coalesce(array_agg(a.name) filter (where a.secret), '{}') || noise,
        'array_remove(array[' || coalesce(string_agg(
            format('case when (n.row).%1$I is distinct from (o.row).%1$I then %1$L end', a.name), ', ')
            filter (where a.secret and not a.name = any (noise)), '') || ']::text[], null)',
        string_agg(format('(n.row).%1$I = (o.row).%1$I', a.name), ' and ') filter (where a.keyed)
    into shown, hidden, secrets, same
    from (
        select c.attname::text as name,
            c.atttypid in ('bytea'::regtype, 'bytea[]'::regtype) or c.attname ~ 'hash|secret|verifier|sealed|token' as secret,
            case when bool_or(c.attname = 'id') over () then c.attname = 'id' else c.attnum = any (i.indkey) end as keyed
        from pg_attribute c join pg_index i on i.indrelid = c.attrelid and i.indisprimary
        where c.attrelid = relation and c.attnum > 0 and not c.attisdropped
        order by c.attnum) a;
    execute format('create or replace trigger audit_insert after insert on %s referencing new table as changed
        for each statement execute function registry.tell_changes(%L)', relation,
        format('select tenant, key, part, n as change from (%s) n where %s', format(side, 'after', shown), new_is_news));
    execute format('create or replace trigger audit_delete after delete on %s referencing old table as changed
        for each statement execute function registry.tell_changes(%L)', relation,
        format('select tenant, key, part, o as change from (%s) o where %s', format(side, 'before', shown), gone_is_news));
    -- What changes hands is told of the old owner as it leaves, of the new one as it comes, and whole of the operator.
    execute format('create or replace trigger audit_update after update on %s
        referencing old table as former new table as changed for each statement execute function registry.tell_changes(%L)', relation,
        format($query$
            select told.tenant, coalesce(n.key, o.key) as key, coalesce(n.part, o.part) as part,
                json_build_object('key', coalesce(n.key, o.key), 'part', coalesce(n.part, o.part),
                    'before', told.before, 'after', told.after, 'secret', s.secret) as change
            from (%s) o full join (%s) n on %s
            cross join lateral (
                select json_object_agg(coalesce(b.key, a.key), b.value) as before, json_object_agg(coalesce(b.key, a.key), a.value) as after
                from jsonb_each(to_jsonb(o.row) - %L::text[]) b full join jsonb_each(to_jsonb(n.row) - %5$L::text[]) a on a.key = b.key
                where a.value is distinct from b.value) d
            cross join lateral (select %s as secret) s
            cross join lateral (
                select coalesce(n.tenant, o.tenant) as tenant, d.before, d.after where n.tenant = o.tenant or n.tenant is null or o.tenant is null
                union all select 0, d.before, d.after where n.tenant <> o.tenant
                union all select o.tenant, d.before, null where n.tenant <> o.tenant and o.tenant <> 0
                union all select n.tenant, null, d.after where n.tenant <> o.tenant and n.tenant <> 0) told
            where d.after is not null or s.secret <> '{}'$query$,
            format(side, 'row', 'former'), format(side, 'row', 'changed'), same, hidden, hidden, secrets));
end $$;
revoke all on function registry.audit_changes(regclass, text, text, text, text, text[], text, text) from public;

do $audited$
declare
    owner_of_terminal constant text := 't.group_client_id';
    -- Looked up one by one: of three million terminals a statement touches a few.
    terminal constant text := 'cross join lateral (select * from registry.terminal where id = r.terminal_id limit 1) t';
    sim constant text := 'cross join lateral (select * from registry.sim where id = r.sim_id limit 1) s';
    owner_of_account constant text := 'registry.client_of_account(r.role, r.group_client_ids)';
    first_is_told_with_the_terminal constant text := '(after).valid_from <> ''-infinity''';
begin
    perform registry.audit_changes('registry.region', 'r.code::text');
    perform registry.audit_changes('registry.industry', 'r.code');
    perform registry.audit_changes('registry.tier', 'r.code');
    perform registry.audit_changes('registry.profile', 'r.code');
    perform registry.audit_changes('registry.profile_metric', 'p.code', part => 'r.name', joined => 'join registry.profile p on p.id = r.profile_id');
    perform registry.audit_changes('registry.group_client', 'r.code', owner => 'r.id');
    -- Who serves a client is the operator's own affair.
    perform registry.audit_changes('registry.assignment', 'c.code', part => 'r.person',
        joined => 'join registry.group_client c on c.id = r.group_client_id');
    perform registry.audit_changes('registry.terminal', 'r.code', owner => 'r.group_client_id');
    perform registry.audit_changes('registry.ownership', 'r.terminal_code', owner => 'r.group_client_id', new_is_news => first_is_told_with_the_terminal);
    perform registry.audit_changes('registry.terminal_profile', 't.code', owner => owner_of_terminal, joined => terminal,
        new_is_news => first_is_told_with_the_terminal);
    perform registry.audit_changes('registry.terminal_gateway', 't.code', part => 'g.code', owner => owner_of_terminal,
        joined => terminal || ' cross join lateral (select * from registry.terminal where id = r.gateway_id limit 1) g');
    perform registry.audit_changes('registry.wire_name', 't.code', part => 'r.value', owner => owner_of_terminal, joined => terminal);
    perform registry.audit_changes('registry.collection', 'r.name', owner => 'r.group_client_id');
    perform registry.audit_changes('registry.collection_member', 't.code', part => 'c.name', owner => 'c.group_client_id',
        joined => terminal || ' cross join lateral (select * from registry.collection where id = r.collection_id limit 1) c');
    perform registry.audit_changes('registry.hardware', 't.code', part => 'r.imei', owner => owner_of_terminal, joined => terminal);
    -- What follows from the columns told is not told again.
    perform registry.audit_changes('registry.sim', 'r.iccid', owner => 'r.group_client_id', noise => '{period_until,activates_at}');
    perform registry.audit_changes('registry.network', 'r.prefix');
    perform registry.audit_changes('registry.number_range', 'r.prefix');
    perform registry.audit_changes('registry.installation', 't.code', part => 's.iccid', owner => owner_of_terminal,
        joined => terminal || ' cross join lateral (select * from registry.sim where id = r.sim_id limit 1) s');
    -- The verdict follows what terminals say, which is told as events.
    perform registry.audit_changes('registry.binding', 's.iccid', part => 'r.mode', owner => 's.group_client_id', joined => sim,
        noise => '{first_imei,verdict,verdict_since,violation,witness_id,heard_at,heard_imei,heard_iccid,heard_imsi,told}');
    perform registry.audit_changes('registry.binding_request', 's.iccid', part => 'r.imei', owner => 's.group_client_id', joined => sim);
    -- Every terminal is registered with a credential: one of the same moment is told with it.
    perform registry.audit_changes('registry.credential', 't.code', owner => owner_of_terminal, joined => terminal,
        new_is_news => '(after).created_at <> (select registered_at from registry.terminal where id = (after).terminal_id)');
    perform registry.audit_changes('registry.certificate', 't.code', part => 'r.serial', owner => owner_of_terminal, joined => terminal);
    perform registry.audit_changes('registry.user_account', 'r.name', owner => owner_of_account, noise => '{second_factor_step}');
    perform registry.audit_changes('registry.api_key', 'r.prefix', part => 'r.name', owner => owner_of_account, noise => '{last_used_at}');
    perform registry.audit_changes('telemetry.replay', 'r.id::text');
    -- What ended by itself is swept away by whoever comes next.
    perform registry.audit_changes('registry.user_session', 'u.name', owner => 'registry.client_of_account(u.role, u.group_client_ids)',
        joined => 'join registry.user_account u on u.id = r.user_id', noise => '{last_seen_at}', gone_is_news => '(before).expires_at > now()');
end
$audited$;

-- The hash of the n-th entry of a chain, after `head` or the entry before it.
create or replace function registry.next_hash(previous bytea, head bytea, n bigint, digest bytea) returns bytea
language plpgsql immutable as $$
begin
    return sha256(coalesce(previous, head) || int8send(n) || digest);
end $$;
create or replace aggregate registry.chained(head bytea, n bigint, digest bytea) (sfunc = registry.next_hash, stype = bytea);

-- Chains what a transaction wrote when it commits: each tenant's chain is held from here to the end of
-- the commit, in one order for all. The first entry brings the others with it.
create or replace function registry.seal_entries() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    mine int4[];
begin
    if exists (select from registry.audit_seal s where s.entry_id = new.id) then
        return null;
    end if;
    select array_agg(distinct a.tenant order by a.tenant) into mine
    from registry.audit a where a.id >= new.id and a.xact = new.xact;
    insert into registry.audit_head (tenant, n, hash) select unnest(mine), 0, '' on conflict do nothing;
    perform from registry.audit_head h where h.tenant = any (mine) order by h.tenant for update;
    with sealed as (
        insert into registry.audit_seal (entry_id, tenant, n, previous, hash)
        select c.id, c.tenant, c.n, coalesce(lag(c.hash) over w, c.head), c.hash
        from (
            select e.id, e.tenant, e.n, e.head, registry.chained(e.head, e.n, e.digest) over w as hash
            from (
                select a.id, a.tenant, h.n + row_number() over w as n, h.hash as head, a.digest
                from registry.audit a join registry.audit_head h on h.tenant = a.tenant
                where a.id >= new.id and a.xact = new.xact
                    and not exists (select from registry.audit_seal s where s.entry_id = a.id)
                window w as (partition by a.tenant order by a.id)) e
            window w as (partition by e.tenant order by e.id)) c
        window w as (partition by c.tenant order by c.id)
        returning tenant, n, hash)
    update registry.audit_head h set n = last.n, hash = last.hash
    from (select distinct on (tenant) tenant, n, hash from sealed order by tenant, n desc) last
    where h.tenant = last.tenant;
    return null;
end $$;
drop trigger if exists seal_entries on registry.audit;
create constraint trigger seal_entries after insert on registry.audit
    deferrable initially deferred for each row execute function registry.seal_entries();

-- Nobody changes what was written: not by grant, and not the owner either.
create or replace function registry.refuse_rewriting() returns trigger
language plpgsql as $$
begin
    raise exception 'The audit is only ever added to.' using errcode = 'restrict_violation', constraint = 'audit_is_only_added_to';
end $$;
do $kept$
declare
    relation text;
begin
    foreach relation in array array['audit', 'audit_seal'] loop
        execute format('create or replace trigger no_rewriting before update or delete or truncate on registry.%I
            for each statement execute function registry.refuse_rewriting()', relation);
    end loop;
    create or replace trigger no_rewriting before delete or truncate on registry.audit_head
        for each statement execute function registry.refuse_rewriting();
    create or replace trigger no_going_back before update on registry.audit_head
        for each row when (new.n <= old.n or new.tenant <> old.tenant) execute function registry.refuse_rewriting();
end
$kept$;

-- An attempt that was refused, as whoever acts. It belongs to the client whose account it was made
-- with; what was typed as the name of nobody is not written down, for it may be a password.
create or replace function registry.tell_refusal(account text, action text, reason text, times int4, keys text[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into registry.audit (tenant, actor, scope, action, outcome, reason, times, request, source, keys, size)
    select coalesce(known.client, 0), registry.acting(), registry.acting_scope(), tell_refusal.action, 'refused', tell_refusal.reason,
        tell_refusal.times, nullif(current_setting('muster.request', true), ''), nullif(current_setting('muster.source', true), ''),
        found.keys, cardinality(found.keys)
    from (select) one
    left join (
        select u.name, 'user:' || u.name as account, registry.client_of_account(u.role, u.group_client_ids) as client
        from registry.user_account u where u.name = substring(tell_refusal.account from '^user:(.*)$')
        union all
        select k.prefix, 'key:' || k.prefix, registry.client_of_account(k.role, k.group_client_ids)
        from registry.api_key k where k.prefix = substring(tell_refusal.account from '^key:(.*)$')) known on true
    cross join lateral (
        select case when known.account <> registry.acting() then tell_refusal.keys || known.name else tell_refusal.keys end as keys) found;
end;
revoke all on function registry.tell_refusal(text, text, text, int4, text[]) from public;
grant execute on function registry.tell_refusal(text, text, text, int4, text[]) to muster_api;

do $policies$
declare
    relation text;
    rule text;
begin
    for relation, rule in values
        ('audit', '(select registry.scope_everything()) or tenant in (select registry.visible_group_clients())'),
        ('audit_seal', 'false'), ('audit_head', 'false')
    loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I for select to muster_api, muster_reader using (%s)', relation, rule);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_inspect using (true)', relation);
    end loop;
end
$policies$;
grant select on registry.audit to muster_api, muster_inspect;
grant select on registry.audit_seal, registry.audit_head to muster_inspect;
