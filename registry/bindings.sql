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
-- Every rule that a SIM had, the newest first.
select b.* from registry.binding_card b where b.sim_id = %(sim_id)s order by b.valid_from desc;

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

-- name: list_bindings_by_sim
-- One page of the rules that hold in scope, by SIM.
select b.* from registry.binding_card b
where b.valid_to is null and b.sim_id > %(after_id)s
    and (%(everything)s or b.region_code between %(region_low)s and %(region_high)s
        or b.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(mode)s::text is null and b.mode <> 'off' or b.mode = %(mode)s)
    and (%(verdict)s::text is null or b.mode <> 'off' and b.verdict = %(verdict)s)
    and (%(violation)s::text is null or b.violation = %(violation)s)
order by b.sim_id limit %(rows)s;

-- name: list_bindings_by_region
-- One page of the rules that hold in scope of the SIMs of a region, by (region, SIM).
select b.* from registry.binding_card b
where b.valid_to is null and b.region_code between %(low)s and %(high)s and (b.region_code, b.sim_id) > (%(after)s, %(after_id)s)
    and (%(everything)s or b.region_code between %(region_low)s and %(region_high)s
        or b.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(mode)s::text is null and b.mode <> 'off' or b.mode = %(mode)s)
    and (%(verdict)s::text is null or b.mode <> 'off' and b.verdict = %(verdict)s)
    and (%(violation)s::text is null or b.violation = %(violation)s)
order by b.region_code, b.sim_id limit %(rows)s;

-- name: list_bindings_by_client
-- One page of the rules that hold in scope of the SIMs of a client and those below it, by (client, SIM).
select b.* from (
    select g.id from registry.group_clients_of(0, -1, array[%(group_client)s]::int4[]) g(id)
    where g.id >= %(after)s order by g.id) c
cross join lateral (
    select b.* from registry.binding_card b
    where b.valid_to is null and b.group_client_id = c.id and (c.id > %(after)s or b.sim_id > %(after_id)s)
        and b.region_code between %(low)s and %(high)s
        and (%(everything)s or b.region_code between %(region_low)s and %(region_high)s
            or b.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
        and (%(mode)s::text is null and b.mode <> 'off' or b.mode = %(mode)s)
        and (%(verdict)s::text is null or b.mode <> 'off' and b.verdict = %(verdict)s)
        and (%(violation)s::text is null or b.violation = %(violation)s)
    order by b.sim_id limit %(rows)s) b
order by c.id, b.sim_id limit %(rows)s;

-- name: list_bindings_elsewhere
-- One page of the rules that hold of the SIMs outside the scope's region that its clients, or those it supervises, have.
select b.* from (
    select g.id from registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]) g(id)
    where g.id >= %(after)s order by g.id) c
cross join lateral (
    select b.* from registry.binding_card b
    where b.valid_to is null and b.group_client_id = c.id and (c.id > %(after)s or b.sim_id > %(after_id)s)
        and not b.region_code between %(region_low)s and %(region_high)s
        and (%(mode)s::text is null and b.mode <> 'off' or b.mode = %(mode)s)
        and (%(verdict)s::text is null or b.mode <> 'off' and b.verdict = %(verdict)s)
        and (%(violation)s::text is null or b.violation = %(violation)s)
    order by b.sim_id limit %(rows)s) b
order by c.id, b.sim_id limit %(rows)s;

-- name: count_coverage
-- By province: SIMs in use (in a terminal that may connect), how many of them are bound, and with which verdict.
select coalesce(p.code, s.region_code) as region_code, count(*) as in_use, count(b.id) as bound,
    count(*) filter (where b.verdict = 'ok') as ok, count(*) filter (where b.verdict = 'violated') as violated,
    count(*) filter (where b.verdict = 'unproven') as unproven
from registry.installation i
join registry.terminal t on t.id = i.terminal_id and t.state in ('provisioned', 'testing', 'in_service', 'maintenance', 'isolated')
join registry.sim s on s.id = i.sim_id
left join registry.binding b on b.sim_id = s.id and b.valid_to is null and b.mode <> 'off'
left join registry.region p on p.level = 'province' and s.region_code between p.code and p.last_code
where i.valid_to is null
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
group by 1 order by 1;
