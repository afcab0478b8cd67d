-- name: insert_user
-- Appoint a user.
insert into registry.user_account (name, password_hash, role, region_code, group_client_ids, must_change_password, created_by)
values (%(name)s, %(password_hash)s, %(role)s, %(region)s, %(group_client_ids)s::int4[], %(must_change)s, %(actor)s);

-- name: list_users
-- One page of the users in scope, by name, or one of them.
select u.id, u.name, u.role, u.region_code, s.ids as group_client_ids, u.created_at, u.created_by, u.disabled_at, u.password_changed_at,
    u.must_change_password, u.second_factor_at, u.version, u.issuer,
    array(select c.code from registry.group_client c where c.id = any (s.ids) order by c.code) as group_client_codes
from registry.user_account u cross join lateral registry.reach_of_person(u.name, u.role, u.group_client_ids) s(ids)
where (%(everything)s or u.role in ('client_admin', 'client_viewer') and u.region_code is null and cardinality(u.group_client_ids) > 0
        and u.group_client_ids <@ array(select registry.group_clients_of(0, -1, %(group_clients)s::int4[])))
    and (%(name)s::text is null or u.name = %(name)s)
    and u.name > %(after)s
    and (%(prefix_low)s::text is null or u.name >= %(prefix_low)s and u.name < %(prefix_high)s)
    and (%(role)s::text is null or u.role = %(role)s)
    and (%(client_id)s::int4 is null or s.ids && array(select registry.group_clients_of(0, -1, array[%(client_id)s]::int4[])))
    and (%(disabled)s::boolean is null or (u.disabled_at is not null) = %(disabled)s)
order by u.name limit %(rows)s;

-- name: hold_admins
-- The administrators in force, held so that two cannot put each other out at once.
select name from registry.user_account where role = 'admin' and disabled_at is null order by id for update;

-- name: hold_user
-- A user, held against those who would let them serve somebody meanwhile.
select from registry.user_account where id = %(id)s for update;

-- name: change_user
-- Another role and reach, in force or not.
update registry.user_account u
set role = %(role)s, region_code = %(region)s, group_client_ids = %(group_client_ids)s::int4[],
    disabled_at = case when %(disabled)s then coalesce(u.disabled_at, now()) end, version = u.version + 1
where u.id = %(id)s;

-- name: set_password
-- Replace a user's password.
update registry.user_account
set password_hash = %(password_hash)s, password_changed_at = now(), must_change_password = %(must_change)s, version = version + 1
where id = %(id)s;

-- name: reset_second_factor
-- Forget a user's second factor.
update registry.user_account
set sealed_second_factor = null, second_factor_at = null, second_factor_step = null, recovery_hashes = '{}', version = version + 1
where id = %(id)s;

-- name: any_user
-- Whether there is a user at all.
select exists (select from registry.user_account) as there;

-- name: find_own
-- The account of who asks.
select u.*, array(select c.code from registry.group_client c where c.id = any (u.group_client_ids) order by c.code) as group_client_codes
from registry.own_account() u;

-- name: find_password
-- What is needed to check a password, before a scope is known.
select id, password_hash from registry.find_user(%(name)s);

-- name: rehash_password
-- Keep a password as we hash today.
select registry.rehash_password(%(user_id)s, %(old_hash)s, %(new_hash)s);

-- name: own_password
-- What is needed to check the asker's password.
select registry.own_password() as password_hash;

-- name: change_own_password
-- Replace the asker's password.
select registry.change_own_password(%(password_hash)s);

-- name: open_session
-- Keep a session by the hash of its token.
select registry.open_session(%(user_id)s, %(token_hash)s, %(lifetime_seconds)s, %(source)s, %(user_agent)s);

-- name: find_session
-- Whose session it is, if it is still open, and what was proven in it.
select name, role, region_low, region_high, group_client_ids, password_changed_at, must_change_password, has_second_factor,
    second_factor_given, issuer
from registry.find_session(%(token_hash)s, %(idle_seconds)s, %(pending_seconds)s);

-- name: sessions_in_force
-- Whose those of some sessions are that are still open, and what was proven in each.
select hash, name, role, region_low, region_high, group_client_ids, password_changed_at, must_change_password, has_second_factor,
    second_factor_given, issuer
from registry.sessions_in_force(%(hashes)s, %(idle_seconds)s, %(pending_seconds)s);

-- name: renew_session
-- Go on under a new token.
select registry.renew_session(%(old_hash)s, %(new_hash)s, %(code_given)s) as renewed;

-- name: close_session
-- End a session, and forget those that are over.
select registry.close_session(%(token_hash)s) as issuer;

-- name: begin_sign_on
-- Keep a sign-in that leaves for the identity provider, by the hash of its browser's secret.
select registry.begin_sign_on(%(token_hash)s, %(return_to)s, %(seconds)s);

-- name: take_sign_on
-- Take a sign-in that came back, if it is there and not too old.
select registry.take_sign_on(%(token_hash)s) as return_to;

-- name: find_signed_on
-- The account of somebody whom an identity provider signs in.
select name from registry.user_account where issuer = %(issuer)s and subject = %(subject)s;

-- name: insert_signed_on
-- Give somebody whom an identity provider signs in an account, unless another request just did.
insert into registry.user_account (name, issuer, subject, role, region_code, group_client_ids, created_by)
values (%(name)s, %(issuer)s, %(subject)s, %(role)s, %(region)s, %(group_client_ids)s::int4[], %(actor)s)
on conflict on constraint sign_on_is_one_persons do nothing;

-- name: own_user_id
-- The number of who asks, if it is a person.
select registry.own_user_id() as id;

-- name: list_sessions
-- The newest sessions of a user.
select id, created_at, last_seen_at, expires_at, source, user_agent, second_factor_at, current
from registry.sessions_of(%(user_id)s, %(token_hash)s::bytea);

-- name: end_sessions
-- End a session of a user, or all but one.
select registry.end_sessions_of(%(user_id)s, %(id)s::uuid, %(but_hash)s::bytea) as ended;

-- name: own_second_factor
-- The asker's second factor.
select user_id, sealed, confirmed from registry.own_second_factor();

-- name: begin_second_factor
-- Keep a secret that is to be confirmed.
select registry.begin_second_factor(%(sealed)s) as begun;

-- name: confirm_second_factor
-- The secret was confirmed by a code.
select registry.confirm_second_factor(%(hashes)s::bytea[]) as confirmed;

-- name: keep_recovery_codes
-- New recovery codes instead of those there are.
select registry.keep_recovery_codes(%(hashes)s::bytea[]);

-- name: remove_second_factor
-- Forget the asker's second factor.
select registry.remove_second_factor();

-- name: take_code
-- Take a code, by its time step, if none of it or later was taken.
select registry.take_code(%(step)s) as taken;

-- name: take_recovery_code
-- Take a recovery code, if it is left.
select registry.take_recovery_code(%(hash)s) as taken;

-- name: insert_key
-- Keep an API key by its hash.
insert into registry.api_key (name, prefix, hash, role, region_code, group_client_ids, expires_at, created_by)
values (%(name)s, %(prefix)s, %(hash)s, %(role)s, %(region)s, %(group_client_ids)s::int4[], %(expires_at)s, %(actor)s);

-- name: list_keys
-- One page of the keys in scope, newest first, or one of them.
select k.id, k.name, k.prefix, k.role, k.region_code, k.group_client_ids, k.created_at, k.created_by, k.expires_at, k.last_used_at,
    k.revoked_at,
    array(select c.code from registry.group_client c where c.id = any (k.group_client_ids) order by c.code) as group_client_codes
from registry.api_key k
where (%(everything)s or k.role in ('client_admin', 'client_viewer', 'scraper') and k.region_code is null
        and cardinality(k.group_client_ids) > 0
        and k.group_client_ids <@ array(select registry.group_clients_of(0, -1, %(group_clients)s::int4[])))
    and (%(prefix)s::text is null or k.prefix = %(prefix)s)
    and (%(before)s::int4 is null or k.id < %(before)s)
    and (%(role)s::text is null or k.role = %(role)s)
    and (%(client_id)s::int4 is null or k.group_client_ids && array(select registry.group_clients_of(0, -1, array[%(client_id)s]::int4[])))
    and (%(in_force)s::boolean is null
        or (k.revoked_at is null and (k.expires_at is null or k.expires_at > now())) = %(in_force)s)
order by k.id desc limit %(rows)s;

-- name: revoke_key
-- Take a key of the scope out of force.
update registry.api_key k set revoked_at = coalesce(k.revoked_at, now())
where k.prefix = %(prefix)s
    and (%(everything)s or k.role in ('client_admin', 'client_viewer', 'scraper') and k.region_code is null
        and cardinality(k.group_client_ids) > 0
        and k.group_client_ids <@ array(select registry.group_clients_of(0, -1, %(group_clients)s::int4[])));

-- name: find_key
-- Whose key it is, if it is in force.
select prefix, role, region_low, region_high, group_client_ids from registry.find_key(%(hash)s);

-- name: keys_in_force
-- Whose those of some keys are that are in force.
select hash, prefix, role, region_low, region_high, group_client_ids from registry.keys_in_force(%(hashes)s);
