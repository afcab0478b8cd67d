-- Signing in happens before a scope is known: these few look-ups run as the owner and nothing else does.
create or replace function registry.find_user(wanted_name text)
returns table (id int4, name text, password_hash text, role text, region_low int4, region_high int4, group_client_ids int4[])
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.id, u.name, u.password_hash, u.role, r.code, r.last_code, u.group_client_ids
    from registry.user_account u left join registry.region r on r.code = u.region_code
    where u.name = wanted_name and u.disabled_at is null;
end;

-- The use of a key or session is noted once a minute, not at every request.
create or replace function registry.find_key(wanted_hash bytea)
returns table (id int4, prefix text, role text, region_low int4, region_high int4, group_client_ids int4[])
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.api_key k set last_used_at = now()
    where k.hash = wanted_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
        and (k.last_used_at is null or k.last_used_at < now() - interval '1 minute');
    select k.id, k.prefix, k.role, r.code, r.last_code, k.group_client_ids
    from registry.api_key k left join registry.region r on r.code = k.region_code
    where k.hash = wanted_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > now());
end;

create or replace function registry.find_session(wanted_hash bytea, idle_seconds int4)
returns table (id int4, name text, role text, region_low int4, region_high int4, group_client_ids int4[])
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
    update registry.user_session s set last_seen_at = now()
    where s.token_hash = wanted_hash and s.expires_at > now()
        and s.last_seen_at between now() - make_interval(secs => idle_seconds) and now() - interval '1 minute';
    select u.id, u.name, u.role, r.code, r.last_code, u.group_client_ids
    from registry.user_session s join registry.user_account u on u.id = s.user_id
    left join registry.region r on r.code = u.region_code
    where s.token_hash = wanted_hash and s.expires_at > now() and u.disabled_at is null
        and s.last_seen_at > now() - make_interval(secs => idle_seconds);
end;

create or replace function registry.open_session(wanted_user_id int4, new_hash bytea, lifetime_seconds int4) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into registry.user_session (token_hash, user_id, expires_at)
    values (new_hash, wanted_user_id, now() + make_interval(secs => lifetime_seconds));
end;

create or replace function registry.close_session(wanted_hash bytea) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from registry.user_session where token_hash = wanted_hash or expires_at < now();
end;

-- All sessions of a user end with the password they were opened with.
create or replace function registry.close_sessions_of(wanted_user_id int4) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from registry.user_session where user_id = wanted_user_id and registry.scope_everything();
end;

revoke all on function registry.find_user(text), registry.find_key(bytea), registry.find_session(bytea, int4),
    registry.open_session(int4, bytea, int4), registry.close_session(bytea), registry.close_sessions_of(int4) from public;
grant execute on function registry.find_user(text), registry.find_key(bytea), registry.find_session(bytea, int4),
    registry.open_session(int4, bytea, int4), registry.close_session(bytea), registry.close_sessions_of(int4) to muster_api;
