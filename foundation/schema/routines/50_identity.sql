-- Who sees which users and keys: who sees everything all of them, a client those of the own subtree
-- that are its own people and programs, never the operator's who serve it.
create or replace function registry.is_clients_own(role text, region_code int4, group_client_ids int4[]) returns boolean
language sql stable
begin atomic
    select role in ('client_admin', 'client_viewer', 'scraper') and region_code is null and cardinality(group_client_ids) > 0
        and group_client_ids <@ array(select registry.scoped_client_subtree());
end;

do $policies$
declare
    relation text;
    rules constant jsonb := jsonb_build_object(
        'user_account', '(select registry.scope_everything()) or registry.is_clients_own(role, region_code, group_client_ids)',
        'api_key', '(select registry.scope_everything()) or registry.is_clients_own(role, region_code, group_client_ids)',
        'user_session', 'false', 'sign_on', 'false');
    rule text;
begin
    for relation, rule in select * from jsonb_each_text(rules) loop
        execute format('alter table registry.%I enable row level security, force row level security', relation);
        execute format('drop policy if exists scoped on registry.%I', relation);
        execute format('create policy scoped on registry.%I to muster_api, muster_reader using (%s) with check (%s)', relation, rule, rule);
        execute format('drop policy if exists everybody on registry.%I', relation);
        execute format('create policy everybody on registry.%I to muster_owner, muster_bridge, muster_jobs, muster_inspect using (true)', relation);
    end loop;
end
$policies$;

-- No secret can be read, by whatever query: neither hashes nor what is sealed.
grant select (id, name, role, region_code, group_client_ids, created_at, created_by, disabled_at, password_changed_at,
    must_change_password, second_factor_at, version, issuer, subject) on registry.user_account to muster_api, muster_inspect;
grant insert, update on registry.user_account to muster_api;
grant select (id, name, prefix, role, region_code, group_client_ids, created_at, created_by, expires_at, last_used_at, revoked_at)
    on registry.api_key to muster_api, muster_inspect;
grant insert, update on registry.api_key to muster_api;

-- Signing in happens before a scope is known, and nobody may change the own row but in these few ways:
-- these look-ups run as the owner and nothing else does.
create or replace function registry.find_user(wanted_name text) returns table (id int4, password_hash text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.id, u.password_hash from registry.user_account u where u.name = wanted_name and u.disabled_at is null;
end;

-- Those of some keys that are in force, and whose; nothing is noted of it.
create or replace function registry.keys_in_force(hashes bytea[])
returns table (hash bytea, id int4, prefix text, role text, region_low int4, region_high int4, group_client_ids int4[])
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select k.hash, k.id, k.prefix, k.role, r.code, r.last_code, k.group_client_ids
    from registry.api_key k left join registry.region r on r.code = k.region_code
    where k.hash = any (hashes) and k.revoked_at is null and (k.expires_at is null or k.expires_at > now());
end;

-- The use of a key or session is noted once a minute, not at every request.
create or replace function registry.find_key(wanted_hash bytea)
returns table (id int4, prefix text, role text, region_low int4, region_high int4, group_client_ids int4[])
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    -- Whoever is noting it already is enough: nobody waits for a request that takes long.
    update registry.api_key k set last_used_at = now()
    where k.id = (
        select due.id from registry.api_key due
        where due.hash = wanted_hash and due.revoked_at is null and (due.expires_at is null or due.expires_at > now())
            and (due.last_used_at is null or due.last_used_at < now() - interval '1 minute')
        for no key update skip locked);
    select k.id, k.prefix, k.role, k.region_low, k.region_high, k.group_client_ids
    from registry.keys_in_force(array[wanted_hash]) k;
end;

-- Those of some sessions that are not over, and whose; being asked for is no use of them. One whose user has a second
-- factor that was not given in it waits for it, and not for long.
create or replace function registry.sessions_in_force(hashes bytea[], idle_seconds int4, pending_seconds int4)
returns table (hash bytea, name text, role text, region_low int4, region_high int4, group_client_ids int4[], password_changed_at timestamptz,
    must_change_password boolean, has_second_factor boolean, second_factor_given boolean, issuer text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select s.token_hash, u.name, u.role, r.code, r.last_code, registry.reach_of_person(u.name, u.role, u.group_client_ids), u.password_changed_at,
        u.must_change_password, u.second_factor_at is not null, s.second_factor_at is not null, u.issuer
    from registry.user_session s join registry.user_account u on u.id = s.user_id
    left join registry.region r on r.code = u.region_code
    where s.token_hash = any (hashes) and s.expires_at > now() and u.disabled_at is null
        and s.last_seen_at > now() - make_interval(secs => idle_seconds)
        and (u.second_factor_at is null or s.second_factor_at is not null
            or s.created_at > now() - make_interval(secs => pending_seconds));
end;

create or replace function registry.find_session(wanted_hash bytea, idle_seconds int4, pending_seconds int4)
returns table (name text, role text, region_low int4, region_high int4, group_client_ids int4[], password_changed_at timestamptz,
    must_change_password boolean, has_second_factor boolean, second_factor_given boolean, issuer text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_session s set last_seen_at = now()
    where s.token_hash = (
        select due.token_hash from registry.user_session due
        where due.token_hash = wanted_hash and due.expires_at > now()
            and due.last_seen_at between now() - make_interval(secs => idle_seconds) and now() - interval '1 minute'
        for no key update skip locked);
    select s.name, s.role, s.region_low, s.region_high, s.group_client_ids, s.password_changed_at, s.must_change_password,
        s.has_second_factor, s.second_factor_given, s.issuer
    from registry.sessions_in_force(array[wanted_hash], idle_seconds, pending_seconds) s;
end;

-- Some of those that are over go, so that they do not gather where nobody signs out.
create or replace function registry.open_session(wanted_user_id int4, new_hash bytea, lifetime_seconds int4, source text, user_agent text)
returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from registry.user_session where token_hash in (
        select s.token_hash from registry.user_session s where s.expires_at < now() limit 100 for update skip locked);
    -- Who proved to be somebody acts as them from here on.
    select set_config('muster.actor', 'user:' || u.name, true) from registry.user_account u where u.id = wanted_user_id;
    insert into registry.user_session (token_hash, user_id, expires_at, source, user_agent)
    values (new_hash, wanted_user_id, now() + make_interval(secs => lifetime_seconds), open_session.source, open_session.user_agent);
end;

-- Gives the identity provider of whose session it was, if they have one.
create or replace function registry.close_session(wanted_hash bytea) returns text
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    select set_config('muster.actor', 'user:' || u.name, true)
    from registry.user_session s join registry.user_account u on u.id = s.user_id where s.token_hash = wanted_hash;
    with closed as (
        delete from registry.user_session where token_hash = wanted_hash or expires_at < now() returning token_hash, user_id)
    select u.issuer from closed c join registry.user_account u on u.id = c.user_id where c.token_hash = wanted_hash;
end;

-- A sign-in leaves for the identity provider; some that never came back go.
create or replace function registry.begin_sign_on(new_hash bytea, return_to text, seconds int4) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from registry.sign_on where token_hash in (
        select s.token_hash from registry.sign_on s where s.expires_at < now() limit 100 for update skip locked);
    insert into registry.sign_on (token_hash, return_to, expires_at)
    values (new_hash, begin_sign_on.return_to, now() + make_interval(secs => seconds));
end;

-- It came back: once, and in time. Gives where its person wanted to go.
create or replace function registry.take_sign_on(wanted_hash bytea) returns text
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    with taken as (delete from registry.sign_on where token_hash = wanted_hash returning return_to, expires_at)
    select t.return_to from taken t where t.expires_at > now();
end;

-- A password that was checked is kept as we hash today, if it was not changed meanwhile.
create or replace function registry.rehash_password(wanted_user_id int4, old_hash text, new_hash text) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_account set password_hash = new_hash where id = wanted_user_id and password_hash = old_hash;
end;

-- Who asks, if it is a person.
create or replace function registry.own_user_id() returns int4
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.id from registry.user_account u
    where u.name = substring(current_setting('muster.actor', true) from '^user:(.*)$') and u.disabled_at is null;
end;

create or replace function registry.own_account()
returns table (id int4, name text, role text, region_code int4, group_client_ids int4[], created_at timestamptz, created_by text,
    disabled_at timestamptz, password_changed_at timestamptz, must_change_password boolean, second_factor_at timestamptz, version int4,
    issuer text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.id, u.name, u.role, u.region_code, registry.reach_of_person(u.name, u.role, u.group_client_ids), u.created_at, u.created_by,
        u.disabled_at, u.password_changed_at, u.must_change_password, u.second_factor_at, u.version, u.issuer
    from registry.user_account u where u.id = registry.own_user_id();
end;

create or replace function registry.own_password() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.password_hash from registry.user_account u where u.id = registry.own_user_id();
end;

create or replace function registry.change_own_password(new_hash text) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_account
    set password_hash = new_hash, password_changed_at = now(), must_change_password = false, version = version + 1
    where id = registry.own_user_id();
end;

create or replace function registry.own_second_factor() returns table (user_id int4, sealed bytea, confirmed boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.id, u.sealed_second_factor, u.second_factor_at is not null
    from registry.user_account u where u.id = registry.own_user_id();
end;

create or replace function registry.begin_second_factor(sealed bytea) returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_account set sealed_second_factor = sealed, second_factor_step = null
    where id = registry.own_user_id() and second_factor_at is null returning true;
end;

create or replace function registry.confirm_second_factor(hashes bytea[]) returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_account set second_factor_at = now(), recovery_hashes = hashes, version = version + 1
    where id = registry.own_user_id() and second_factor_at is null returning true;
end;

create or replace function registry.keep_recovery_codes(hashes bytea[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_account set recovery_hashes = hashes, version = version + 1
    where id = registry.own_user_id() and second_factor_at is not null;
end;

create or replace function registry.remove_second_factor() returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_account
    set sealed_second_factor = null, second_factor_at = null, second_factor_step = null, recovery_hashes = '{}', version = version + 1
    where id = registry.own_user_id();
end;

-- A code is taken once, and none of an earlier time after it.
create or replace function registry.take_code(step int8) returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_account set second_factor_step = step
    where id = registry.own_user_id() and (second_factor_step is null or second_factor_step < step) returning true;
end;

create or replace function registry.take_recovery_code(wanted_hash bytea) returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_account set recovery_hashes = array_remove(recovery_hashes, wanted_hash)
    where id = registry.own_user_id() and wanted_hash = any (recovery_hashes) returning true;
end;

-- Who proved more than before goes on under a new token (OWASP ASVS 5, 7.2.4).
create or replace function registry.renew_session(old_hash bytea, new_hash bytea, code_given boolean) returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_session
    set token_hash = new_hash, second_factor_at = case when code_given then now() else second_factor_at end, last_seen_at = now()
    where token_hash = old_hash and user_id = registry.own_user_id() returning true;
end;

-- The sessions of the asker, or of a user in the asker's scope.
create or replace function registry.sessions_of(wanted_user_id int4, own_hash bytea)
returns table (id uuid, created_at timestamptz, last_seen_at timestamptz, expires_at timestamptz, source text, user_agent text,
    second_factor_at timestamptz, current boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select s.id, s.created_at, s.last_seen_at, s.expires_at, s.source, s.user_agent, s.second_factor_at,
        coalesce(s.token_hash = own_hash, false)
    from registry.user_session s join registry.user_account u on u.id = s.user_id
    where s.user_id = wanted_user_id and s.expires_at > now()
        and (s.user_id = registry.own_user_id() or registry.scope_everything()
            or registry.is_clients_own(u.role, u.region_code, u.group_client_ids))
    order by s.last_seen_at desc, s.id limit 200;
end;

-- End one session of a user, or all but one.
create or replace function registry.end_sessions_of(wanted_user_id int4, wanted_id uuid, but_hash bytea) returns int4
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    with ended as (
        delete from registry.user_session s using registry.user_account u
        where s.user_id = wanted_user_id and u.id = s.user_id
            and (wanted_id is null or s.id = wanted_id) and (but_hash is null or s.token_hash <> but_hash)
            and (s.user_id = registry.own_user_id() or registry.scope_everything()
                or registry.is_clients_own(u.role, u.region_code, u.group_client_ids))
        returning s.id)
    select count(*)::int4 from ended;
end;

do $grants$
declare
    routine regprocedure;
begin
    for routine in
        select p.oid from pg_proc p where p.pronamespace = 'registry'::regnamespace and p.proname = any (array[
            'find_user', 'find_key', 'keys_in_force', 'find_session', 'sessions_in_force', 'open_session', 'close_session', 'rehash_password', 'own_user_id', 'own_account',
            'own_password', 'change_own_password', 'own_second_factor', 'begin_second_factor', 'confirm_second_factor',
            'keep_recovery_codes', 'remove_second_factor', 'take_code', 'take_recovery_code', 'renew_session', 'sessions_of',
            'end_sessions_of', 'begin_sign_on', 'take_sign_on'])
    loop
        execute format('revoke all on function %s from public', routine);
        execute format('grant execute on function %s to muster_api', routine);
    end loop;
end
$grants$;
