-- Everybody sees the answers to their own requests only; who serves everybody only forgets them.
alter table registry.idempotency enable row level security, force row level security;
drop policy if exists own on registry.idempotency;
create policy own on registry.idempotency to muster_api
    using (actor = (select current_setting('muster.actor', true)))
    with check (actor = (select current_setting('muster.actor', true)));
drop policy if exists everybody on registry.idempotency;
create policy everybody on registry.idempotency to muster_owner, muster_jobs using (true);
revoke all on registry.idempotency from muster_reader, muster_bridge, muster_jobs, muster_api, muster_inspect;
grant select, insert on registry.idempotency to muster_api;
grant select (created_at), delete on registry.idempotency to muster_jobs;
