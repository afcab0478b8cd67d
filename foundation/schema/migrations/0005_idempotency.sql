-- What a creation was answered, so that the same request sent again is answered the same and creates nothing.
-- The body is sealed under the caller's own key, of which only a hash is here: nobody else can open it.
create table registry.idempotency (
    actor text not null,
    key_hash bytea not null constraint idempotency_key_hash_is_whole check (length(key_hash) = 32),
    fingerprint bytea not null,
    status int2 not null,
    headers jsonb not null,
    sealed_body bytea not null,
    created_at timestamptz not null default now(),
    constraint idempotency_key_is_used_once primary key (actor, key_hash)
);
create index idempotency_created on registry.idempotency (created_at);
