-- name: hold_key
-- Hold a key of the caller until the transaction ends; not where another request holds it.
select pg_try_advisory_xact_lock(hashtextextended(%(actor)s || encode(%(key_hash)s, 'hex'), 0)) as held;

-- name: find_answer
-- What the request with this key was answered, if there was one.
select fingerprint, status, headers, sealed_body from registry.idempotency
where actor = %(actor)s and key_hash = %(key_hash)s;

-- name: keep_answer
-- Keep an answer with what it tells of.
insert into registry.idempotency (actor, key_hash, fingerprint, status, headers, sealed_body)
values (%(actor)s, %(key_hash)s, %(fingerprint)s, %(status)s, %(headers)s, %(sealed_body)s);

-- name: forget_answers
-- Forget the answers that nobody asks for again.
delete from registry.idempotency where created_at < now() - make_interval(secs => %(kept_seconds)s);
