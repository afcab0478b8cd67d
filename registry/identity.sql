-- name: insert_user
-- Appoint a user.
insert into registry.user_account (name, password_hash, role, region_code, group_client_ids)
values (%(name)s, %(password_hash)s, %(role)s, %(region)s, %(group_client_ids)s::int4[])
returning id, name, role, region_code, group_client_ids, created_at, disabled_at, version;

-- name: find_user_account
-- One user, by name.
select id, name, role, region_code, group_client_ids, created_at, disabled_at, version
from registry.user_account where name = %(name)s and %(everything)s;

-- name: set_password
-- Replace a user's password.
update registry.user_account set password_hash = %(password_hash)s, version = version + 1
where name = %(name)s and %(everything)s returning id;

-- name: close_sessions_of
-- End every session of a user.
select registry.close_sessions_of(%(user_id)s);

-- name: find_password
-- What is needed to check a password, before a scope is known.
select id, name, password_hash, role, region_low, region_high, group_client_ids from registry.find_user(%(name)s);

-- name: open_session
-- Keep a session by the hash of its token.
select registry.open_session(%(user_id)s, %(token_hash)s, %(lifetime_seconds)s);

-- name: find_session
-- Whose session it is, if it is still open.
select name, role, region_low, region_high, group_client_ids from registry.find_session(%(token_hash)s, %(idle_seconds)s);

-- name: close_session
-- End a session, and forget those that are over.
select registry.close_session(%(token_hash)s);

-- name: insert_key
-- Keep an API key by its hash.
insert into registry.api_key (name, prefix, hash, role, region_code, group_client_ids, expires_at)
values (%(name)s, %(prefix)s, %(hash)s, %(role)s, %(region)s, %(group_client_ids)s::int4[], %(expires_at)s)
returning id, name, prefix, role, region_code, group_client_ids, created_at, expires_at, last_used_at, revoked_at;

-- name: revoke_key
-- Take a key of the scope out of force.
update registry.api_key k set revoked_at = coalesce(k.revoked_at, now())
where k.prefix = %(prefix)s
    and (%(everything)s or k.region_code is null and cardinality(k.group_client_ids) > 0
        and k.group_client_ids <@ array(select registry.group_clients_of(0, -1, %(group_clients)s::int4[])));

-- name: find_key
-- Whose key it is, if it is in force.
select prefix, role, region_low, region_high, group_client_ids from registry.find_key(%(hash)s);
