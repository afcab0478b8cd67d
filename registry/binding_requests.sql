-- name: expire_request
-- Of a SIM, the request that nobody decided in time.
update registry.binding_request r set state = 'expired', version = r.version + 1
from registry.sim s where s.iccid = %(iccid)s and r.sim_id = s.id and r.state = 'open' and r.expires_at <= now();

-- name: open_request
-- Ask that a SIM may work in other hardware.
insert into registry.binding_request (sim_id, group_client_id, imei, reason, requested_by, expires_at)
select s.id, s.group_client_id, %(imei)s, %(reason)s, %(actor)s, now() + %(lasting)s
from registry.sim s where s.iccid = %(iccid)s
returning id;

-- name: find_request
-- One request in scope; one that nobody decided in time is expired, whether or not that is written down.
select r.id, s.iccid, r.imei, r.reason, r.requested_by, r.requested_at, r.expires_at,
    case when r.state = 'open' and r.expires_at <= now() then 'expired' else r.state end as state,
    r.decided_by, r.decided_at, r.remark, r.version
from registry.binding_request r join registry.sim s on s.id = r.sim_id
where r.id = %(id)s
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: list_requests
-- One page of the requests in scope, the newest first.
select r.id, s.iccid, r.imei, r.reason, r.requested_by, r.requested_at, r.expires_at,
    case when r.state = 'open' and r.expires_at <= now() then 'expired' else r.state end as state,
    r.decided_by, r.decided_at, r.remark, r.version
from registry.binding_request r join registry.sim s on s.id = r.sim_id
where r.id = any (array(select w.id from registry.list_binding_requests(%(wanted)s) w(id)))
order by r.id desc;

-- name: hold_requested_sim
-- The SIM of a request, held against other decisions.
select from registry.sim s where s.id = (select r.sim_id from registry.binding_request r where r.id = %(id)s) for no key update;

-- name: decide_request
-- An open request is decided, or withdrawn; an approved one knows the rule that came of it.
update registry.binding_request r
set state = %(state)s, decided_by = %(actor)s, decided_at = now(), remark = %(remark)s, version = r.version + 1,
    binding_id = case %(state)s when 'approved' then
        (select b.id from registry.binding b where b.sim_id = r.sim_id and b.valid_to is null) end
where r.id = %(id)s and r.state = 'open' and r.expires_at > now();
