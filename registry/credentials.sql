-- name: issue_credential
-- Give a terminal in scope a verifier, in place of the one it had.
insert into registry.credential (terminal_id, verifier)
select t.id, %(verifier)s from registry.terminal t
where t.code = %(code)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
on conflict (terminal_id) do update set verifier = %(verifier)s, created_at = now(), revoked_at = null;

-- name: find_credential
-- Since when the password of a terminal in scope is in force, or was, and when it was taken out.
select k.created_at as issued_at, k.revoked_at
from registry.terminal t left join registry.credential k on k.terminal_id = t.id
where t.code = %(code)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: cut_off
-- Take everything that lets a terminal in scope in out of force: its password and its certificates.
with cut as materialized (
    select t.id from registry.terminal t
    where t.code = %(code)s
        and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))),
passwords as (
    update registry.credential k set revoked_at = now()
    from cut where k.terminal_id = cut.id and k.revoked_at is null),
certificates as (
    update registry.certificate c set revoked_at = now(), reason = %(reason)s
    from cut where c.terminal_id = cut.id and c.revoked_at is null)
select id from cut;

-- name: record_certificate
-- A certificate of a terminal in scope that is not retired.
insert into registry.certificate (terminal_id, serial, fingerprint, not_before, not_after)
select t.id, %(serial)s, %(fingerprint)s, %(not_before)s, %(not_after)s from registry.terminal t
where t.code = %(code)s and t.state <> 'retired'
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: find_certificate
-- One certificate of a terminal in scope.
select t.code, c.serial, c.fingerprint, c.not_before, c.not_after, c.issued_at, c.revoked_at, c.reason, c.id
from registry.certificate c join registry.terminal t on t.id = c.terminal_id
where t.code = %(code)s and c.serial = %(serial)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: revoke_certificate
-- Take one certificate of a terminal in scope out of force, for good.
update registry.certificate c set revoked_at = now(), reason = %(reason)s
from registry.terminal t
where t.id = c.terminal_id and t.code = %(code)s and c.serial = %(serial)s and c.revoked_at is null
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: list_certificates_of
-- One page of the certificates of a terminal in scope, the newest first.
select t.code, c.serial, c.fingerprint, c.not_before, c.not_after, c.issued_at, c.revoked_at, c.reason, c.id
from registry.certificate c join registry.terminal t on t.id = c.terminal_id
where t.code = %(code)s and c.id < %(before)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.terminal_id, c.id desc limit %(rows)s;

-- name: list_certificates
-- One page of the certificates in scope that have not ended, by when they will.
select t.code, c.serial, c.fingerprint, c.not_before, c.not_after, c.issued_at, c.revoked_at, c.reason, c.id
from registry.certificate c join registry.terminal t on t.id = c.terminal_id
where (c.not_after, c.id) > (greatest(%(after)s::timestamptz, now()), %(after_id)s)
    and (%(revoked)s::boolean is null or (c.revoked_at is not null) = %(revoked)s)
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.not_after, c.id limit %(rows)s;

-- name: count_ending_certificates
-- How many terminals that may connect lose their last certificate within some days, and have none after it.
select d.days, count(e.terminal_id) as terminals
from unnest(%(days)s::int4[]) d(days)
left join (
    select c.terminal_id, max(c.not_after) as ends_at
    from registry.certificate c join registry.terminal t on t.id = c.terminal_id
    where c.revoked_at is null and c.not_after > now() and registry.may_connect(t.state)
    group by c.terminal_id) e on e.ends_at < now() + make_interval(days => d.days)
group by d.days;

-- name: broker_logins
-- Those of some names that may connect to the broker, and with what.
select id, code, verifier, issued_at, certified from registry.broker_logins(%(codes)s::text[]);

-- name: broker_changes
-- Whose way in may have changed in transactions that were open at `since` or came later, and where to go on from.
select pg_snapshot_xmin(pg_current_snapshot())::text as position,
    registry.broker_changes(%(since)s::xid8) as terminals;

-- name: broker_position
-- Where in the feed of changes a reader stands who reads logins after this.
select pg_snapshot_xmin(pg_current_snapshot())::text as position;

-- name: note_refused_logins
-- Keep whom the hooks have not let in.
select registry.note_refused_logins(%(ids)s::int4[], %(whys)s::text[], %(counts)s::int8[], %(lasts)s::timestamptz[]);

-- name: find_refused_login
-- How a terminal was refused, as far as the scope sees it.
select r.why, r.count, r.first_at, r.last_at from registry.refused_login_of(%(id)s) r;

-- name: forget_refused_logins
-- Who has not been refused for some days.
delete from registry.refused_login where terminal_id in (
    select r.terminal_id from registry.refused_login r where r.last_at < now() - make_interval(days => %(days)s) limit %(rows)s);
