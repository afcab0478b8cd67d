-- What a broker is told: who may connect, and whose certificates count no more.
do $policies$
declare
    happening text;
begin
    alter table registry.certificate enable row level security, force row level security;
    drop policy if exists scoped on registry.certificate;
    create policy scoped on registry.certificate to muster_api, muster_reader
        using ((select registry.scope_everything()) or registry.terminal_is_visible_between(terminal_id, issued_at, revoked_at))
        with check ((select registry.scope_everything()) or registry.terminal_is_visible(terminal_id));
    drop policy if exists everybody on registry.certificate;
    create policy everybody on registry.certificate to muster_owner, muster_bridge, muster_jobs, muster_inspect using (true);
    foreach happening in array array['insert', 'update', 'delete'] loop
        execute format('create or replace trigger note_%s after %1$s on registry.certificate referencing %s table as changed
            for each statement execute function registry.note_changes(''credential'', ''terminal_id'')',
            happening, case happening when 'delete' then 'old' else 'new' end);
    end loop;
end
$policies$;
grant select, insert on registry.certificate to muster_api;
grant update (revoked_at, reason) on registry.certificate to muster_api, muster_jobs;
grant select on registry.certificate to muster_reader, muster_jobs, muster_inspect;
-- The door keeps what a broker asks for in memory, as the bridge does: of whom it has to ask again.
create or replace function registry.broker_changes(since xid8) returns int4[]
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select coalesce(array_agg(distinct c.id), '{}') from registry.change c
    where c.xact >= since and c.kind in ('terminal', 'credential');
end;
revoke all on function registry.broker_changes(xid8) from public;
grant execute on function registry.broker_changes(xid8) to muster_api;
revoke all on registry.change from muster_api;

-- What the broker's list of revoked certificates holds: those that were revoked, and on hold those of
-- terminals that may not connect now. One that has ended by itself need not be on it.
create or replace view registry.broker_revocation with (security_barrier) as
select c.serial, coalesce(c.revoked_at, t.state_since) as revoked_at, coalesce(c.reason, 'certificate_hold') as reason, t.code
from registry.certificate c join registry.terminal t on t.id = c.terminal_id
where c.not_after > now() and (c.revoked_at is not null or not registry.may_connect(t.state));
revoke all on registry.broker_revocation from public;
grant select on registry.broker_revocation to muster_jobs;

-- Those of some names that may connect: with which password, since when it is in force, and whether
-- with a certificate. For the hooks, which know no scope: a broker asks, and hears yes or no.
create or replace function registry.broker_logins(wanted text[])
returns table (id int4, code text, verifier text, issued_at timestamptz, certified boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select t.id, t.code, k.verifier, k.created_at, exists (
        select from registry.certificate c where c.terminal_id = t.id and c.revoked_at is null and c.not_after > now())
    from registry.terminal t left join registry.credential k on k.terminal_id = t.id and k.revoked_at is null
    where t.code = any (wanted) and registry.may_connect(t.state);
end;
revoke all on function registry.broker_logins(text[]) from public;
grant execute on function registry.broker_logins(text[]) to muster_api;

-- Whom the hooks have turned away since they said so last: a row a terminal, however often and by whomever it was tried. A day's pause,
-- or another owner, begins a new count.
create or replace function registry.note_refused_logins(ids int4[], whys text[], counts int8[], lasts timestamptz[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    insert into registry.refused_login as r (terminal_id, why, count, first_at, last_at)
    select t.id, n.why, n.count, n.last_at, n.last_at
    from unnest(ids, whys, counts, lasts) n(id, why, count, last_at) join registry.terminal t on t.id = n.id order by t.id
    on conflict (terminal_id) do update
    set (why, count, first_at, last_at) = (
        select excluded.why, excluded.count + case when g.goes_on then r.count else 0 end,
            case when g.goes_on then r.first_at else excluded.first_at end, greatest(r.last_at, excluded.last_at)
        from registry.terminal t cross join lateral (
            select r.last_at >= greatest(t.owner_since, excluded.last_at - interval '1 day') as goes_on) g
        where t.id = r.terminal_id);
end;

-- How a terminal that the scope sees was turned away in its owner's time.
create or replace function registry.refused_login_of(terminal int4)
returns table (why text, count int8, first_at timestamptz, last_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select r.why, r.count, r.first_at, r.last_at from registry.refused_login r join registry.terminal t on t.id = r.terminal_id
    where r.terminal_id = terminal and r.last_at >= t.owner_since and registry.terminal_is_visible(terminal);
end;
revoke all on function registry.note_refused_logins(int4[], text[], int8[], timestamptz[]), registry.refused_login_of(int4) from public;
grant execute on function registry.note_refused_logins(int4[], text[], int8[], timestamptz[]), registry.refused_login_of(int4) to muster_api;
grant select, delete on registry.refused_login to muster_jobs;
