-- name: find_sim_id
-- The number of a SIM in scope.
select s.id from registry.sim s
where s.iccid = %(iccid)s
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: hold_sim
-- A SIM in scope, held against other changes, and how an instant lies to now.
select s.id, coalesce(%(at)s, now()) as at, coalesce(%(at)s, now()) > now() as ahead
from registry.sim s
where s.iccid = %(iccid)s
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
for no key update;

-- name: find_binding
-- The rule that holds for a SIM.
select b.* from registry.binding_card b where b.sim_id = %(sim_id)s and b.valid_to is null;

-- name: list_bindings_of_sim
-- One page of the rules that a SIM had, the newest first.
select b.* from registry.binding_card b
where b.sim_id = %(sim_id)s and (%(before)s::int8 is null or b.version < %(before)s)
order by b.valid_from desc limit %(rows)s;

-- name: end_bindings
-- The rules that hold for some SIMs end.
update registry.binding b set valid_to = coalesce(%(at)s, now())
where b.sim_id = any (%(sim_ids)s::int4[]) and b.valid_to is null;

-- name: begin_bindings
-- The next ones begin.
insert into registry.binding (sim_id, mode, imeis, tacs, action, reason, set_by, valid_from, version)
select w.sim_id, w.mode, string_to_array(w.imeis, ','), string_to_array(w.tacs, ','), w.action, %(reason)s, %(actor)s,
    coalesce(%(at)s, now()), coalesce((select max(b.version) from registry.binding b where b.sim_id = w.sim_id), 0) + 1
from unnest(%(sim_ids)s::int4[], %(modes)s::text[], %(imeis)s::text[], %(tacs)s::text[], %(actions)s::text[])
    w(sim_id, mode, imeis, tacs, action);
