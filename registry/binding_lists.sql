-- The ways to walk the rules that hold in scope, each in the order of an index, and counts of them.

-- part: in_scope
-- What the scope sees.
and (%(everything)s or b.region_code between %(region_low)s and %(region_high)s
    or b.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))

-- part: of_client
-- Of the SIMs of a client, or one below it.
and (%(group_client)s::int4 is null or b.group_client_id in (select registry.group_clients_of(0, -1, array[%(group_client)s]::int4[])))

-- part: asked
-- Every filter else.
and (%(mode)s::text is null and b.mode <> 'off' or b.mode = %(mode)s)
and (%(verdict)s::text is null or b.mode <> 'off' and b.verdict = %(verdict)s)
and (%(violation)s::text is null or b.violation = %(violation)s)
and (%(iccid_low)s::text is null or b.iccid >= %(iccid_low)s and b.iccid < %(iccid_high)s)

-- name: list_bindings_by_iccid
-- One page of the rules that hold in scope, by ICCID.
select b.* from registry.binding_card b
where b.valid_to is null and b.iccid > %(after)s and b.region_code between %(low)s and %(high)s
    -- with: in_scope
    -- with: of_client
    -- with: asked
order by b.iccid limit %(rows)s;

-- name: list_bindings_by_sim
-- One page of the rules that hold in scope, by SIM.
select b.* from registry.binding_card b
where b.valid_to is null and b.sim_id > %(after_id)s and b.region_code between %(low)s and %(high)s
    -- with: in_scope
    -- with: of_client
    -- with: asked
order by b.sim_id limit %(rows)s;

-- name: list_bindings_by_region
-- One page of the rules that hold in scope of the SIMs of a region, by (region, SIM).
select b.* from registry.binding_card b
where b.valid_to is null and b.region_code between %(low)s and %(high)s and (b.region_code, b.sim_id) > (%(after)s, %(after_id)s)
    -- with: in_scope
    -- with: asked
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
        -- with: in_scope
        -- with: asked
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
        -- with: asked
    order by b.sim_id limit %(rows)s) b
order by c.id, b.sim_id limit %(rows)s;

-- name: count_violations
-- How many rules in scope are violated, by how; no more than are counted exactly, and one.
select v.violation, v.rules from registry.count_violations(%(wanted)s) v;

-- name: cover_bindings
-- By province: SIMs in use (in a terminal that may connect), how many of them are bound, and with which verdict.
select c.* from registry.cover_bindings(%(wanted)s) c;
