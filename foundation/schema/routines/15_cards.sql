-- What the verbs return of a terminal: its row with the codes that people know. The asker's own
-- policies hold (security_invoker): of a client that is not visible there is no code.
create or replace view registry.terminal_card with (security_invoker) as
select t.id, t.code, t.name, t.state, t.state_since, t.profile_id, p.code as profile_code, t.group_client_id,
    c.code as group_client_code, nullif(t.owner_since, '-infinity') as owner_since, t.region_code, t.gateway_id,
    t.latitude, t.longitude, t.tags, t.registered_at, t.version
from registry.terminal t
join registry.profile p on p.id = t.profile_id
left join registry.group_client c on c.id = t.group_client_id;
grant select on registry.terminal_card to muster_api, muster_jobs, muster_inspect;
