-- What the verbs return of a terminal: its row with the codes that people know. The asker's own
-- policies hold (security_invoker): of a client that is not visible there is no code. A terminal is
-- silent when no data came for its profile's interval, times its owner's tier's patience.
create or replace view registry.terminal_card with (security_invoker) as
select t.id, t.code, t.name, t.state, t.state_since, t.profile_id, p.code as profile_code, t.group_client_id,
    c.code as group_client_code, nullif(t.owner_since, '-infinity') as owner_since, t.region_code, t.gateway_id,
    t.latitude, t.longitude, t.tags, t.registered_at, t.version, c.name as group_client_name,
    (p.expected_interval_seconds * coalesce(s.offline_factor, 3))::int4 as silent_after_seconds,
    t.ownership_epoch, t.state_reason
from registry.terminal t
join registry.profile p on p.id = t.profile_id
left join registry.group_client c on c.id = t.group_client_id
left join registry.tier s on s.code = c.tier_code;
grant select on registry.terminal_card to muster_api, muster_jobs, muster_inspect;
