-- Signing in happens before a scope is known: these few look-ups run as the owner and nothing else does.
create or replace function registry.find_user(wanted_name text)
returns table (id int4, name text, password_hash text, role text, region_low int4, region_high int4, group_client_ids int4[])
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.id, u.name, u.password_hash, u.role, r.code, r.last_code, u.group_client_ids
    from registry.user_account u left join registry.region r on r.code = u.region_code
    where u.name = wanted_name and u.disabled_at is null;
end;

create or replace function registry.find_key(wanted_hash bytea)
returns table (id int4, prefix text, role text, region_low int4, region_high int4, group_client_ids int4[])
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select k.id, k.prefix, k.role, r.code, r.last_code, k.group_client_ids
    from registry.api_key k left join registry.region r on r.code = k.region_code
    where k.hash = wanted_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > now());
end;

create or replace function registry.find_session(wanted_hash bytea)
returns table (id int4, name text, role text, region_low int4, region_high int4, group_client_ids int4[])
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select u.id, u.name, u.role, r.code, r.last_code, u.group_client_ids
    from registry.user_session s join registry.user_account u on u.id = s.user_id
    left join registry.region r on r.code = u.region_code
    where s.token_hash = wanted_hash and s.expires_at > now() and u.disabled_at is null;
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

revoke all on function registry.find_user(text), registry.find_key(bytea), registry.find_session(bytea),
    registry.open_session(int4, bytea, int4), registry.close_session(bytea) from public;
grant execute on function registry.find_user(text), registry.find_key(bytea), registry.find_session(bytea),
    registry.open_session(int4, bytea, int4), registry.close_session(bytea) to muster_api;
