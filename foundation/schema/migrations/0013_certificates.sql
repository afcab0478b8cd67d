-- A terminal may show a certificate instead of a password: of each only what tells it from others is kept.
create table registry.certificate (
    id int4 generated always as identity primary key,
    terminal_id int4 not null references registry.terminal,
    serial text not null constraint certificate_serial_is_unique unique
        constraint certificate_serial_is_hexadecimal check (serial ~ '^[0-9a-f]{1,40}$'),
    fingerprint text not null constraint certificate_fingerprint_is_sha256 check (fingerprint ~ '^[0-9a-f]{64}$'),
    not_before timestamptz not null,
    not_after timestamptz not null,
    issued_at timestamptz not null default now(),
    revoked_at timestamptz,
    reason text constraint certificate_reason_is_known check (reason in
        ('unspecified', 'key_compromise', 'superseded', 'cessation_of_operation', 'privilege_withdrawn')),
    constraint certificate_validity_is_ordered check (not_after > not_before),
    constraint certificate_is_revoked_for_a_reason check ((revoked_at is null) = (reason is null))
);
create index certificate_terminal on registry.certificate (terminal_id, id);
create index certificate_end on registry.certificate (not_after);
