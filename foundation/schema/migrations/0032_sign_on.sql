-- People whom an identity provider signs in: who they are there, and the sign-ins on their way there and back.
alter table registry.user_account
    alter column password_hash drop not null,
    add column issuer text,
    add column subject text,
    add constraint account_has_one_way_in check (num_nonnulls(issuer, subject) = case when password_hash is null then 2 else 0 end),
    add constraint sign_on_is_one_persons unique (issuer, subject);
comment on column registry.user_account.issuer is 'identity provider that signs this person in; null: a password of ours';
comment on column registry.user_account.subject is 'who they are there: never given to anybody else, unlike a name';

-- Each is taken once. The browser holds the secret; nothing here can be used without it.
create table registry.sign_on (
    token_hash bytea primary key,
    return_to text not null,
    expires_at timestamptz not null
);
create index sign_on_expiry on registry.sign_on (expires_at);

-- Their successors in the routines tell more.
drop function if exists registry.find_session(bytea, int4, int4), registry.own_account(), registry.close_session(bytea);
