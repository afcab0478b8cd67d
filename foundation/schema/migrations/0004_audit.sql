-- Who changed what, and who was refused what: entries that nobody changes, each owner's in a chain of hashes.

-- What a hash covers: each text with its length in bytes before it, `-` where there is none, and the hash of the changes.
create function registry.audit_field(value text) returns text
language sql immutable parallel safe
return coalesce(octet_length(value) || ':' || value, '-');

create function registry.audit_digest(tenant int4, at timestamptz, actor text, scope json, action text, outcome text, reason text,
    times int4, request text, source text, keys text[], size int4, changes json) returns bytea
language plpgsql immutable parallel safe as $$
begin
    return sha256(convert_to(
        registry.audit_field(tenant::text) || registry.audit_field(to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || registry.audit_field(actor) || registry.audit_field(scope::text) || registry.audit_field(action)
        || registry.audit_field(outcome) || registry.audit_field(reason) || registry.audit_field(times::text)
        || registry.audit_field(request) || registry.audit_field(source) || registry.audit_field(keys::text)
        || registry.audit_field(size::text), 'UTF8') || sha256(convert_to(changes::text, 'UTF8')));
end $$;

-- One entry a statement and tenant (the owning group client; 0 is the operator itself), or a refused attempt.
-- No reference to group_client: what was done to a client outlives its file.
create table registry.audit (
    id bigint generated always as identity primary key,
    xact xid8 not null default pg_current_xact_id(),
    tenant int4 not null,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    scope json not null,
    action text not null,
    outcome text not null constraint audit_outcome_is_known check (outcome in ('done', 'refused')),
    reason text,
    times int4 not null default 1 constraint audit_times_are_positive check (times > 0),
    request text,
    source text,
    keys text[] not null default '{}',
    size int4 not null default 0,
    changes json not null default '[]',
    digest bytea not null generated always as (registry.audit_digest(
        tenant, at, actor, scope, action, outcome, reason, times, request, source, keys, size, changes)) stored,
    constraint audit_reason_is_of_a_refusal check ((reason is not null) = (outcome = 'refused'))
);
create index audit_at on registry.audit (at, id);
create index audit_tenant on registry.audit (tenant, at, id);
create index audit_actor on registry.audit (actor, at, id);
create index audit_keys on registry.audit using gin (keys);

-- The place of an entry in its tenant's chain, given when it is committed: hash = sha256(previous, n, digest).
create table registry.audit_seal (
    entry_id bigint primary key references registry.audit,
    tenant int4 not null,
    n bigint not null,
    previous bytea not null,
    hash bytea not null,
    constraint audit_chain_has_one_entry_a_place unique (tenant, n)
);

-- The last place of each chain.
create table registry.audit_head (
    tenant int4 primary key,
    n bigint not null,
    hash bytea not null
);

-- Bulk changes are long and alike: lz4 packs them in a fifth of pglz's time, where the server has it.
do $packed$
begin
    if 'lz4' = any ((select enumvals from pg_settings where name = 'default_toast_compression')::text[]) then
        alter table registry.audit alter column changes set compression lz4, alter column keys set compression lz4;
    end if;
end
$packed$;
