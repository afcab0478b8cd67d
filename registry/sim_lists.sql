-- The ways to walk the SIMs in scope, each in the order of an index.

-- part: in_sight
-- What the scope sees, and of that what lies in the region walked.
and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
    or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
and s.region_code between %(low)s and %(high)s

-- part: of_client
-- Of a client, or one below it.
and (%(group_client)s::int4 is null or s.group_client_id in (select registry.group_clients_of(0, -1, array[%(group_client)s]::int4[])))

-- part: asked
-- Every filter else.
and (%(state)s::text is null or s.state = %(state)s) and (%(installed)s::boolean is null or s.installed = %(installed)s)
and (%(plan)s::text is null or s.plan = %(plan)s) and (%(apn)s::text is null or s.apn = %(apn)s)
and (%(order_ref)s::text is null or s.order_ref = %(order_ref)s)
and (%(iccid_low)s::text is null or s.iccid >= %(iccid_low)s and s.iccid < %(iccid_high)s)
and (%(imsi_low)s::text is null or s.imsi >= %(imsi_low)s and s.imsi < %(imsi_high)s)
and (%(msisdn_low)s::text is null or s.msisdn >= %(msisdn_low)s and s.msisdn < %(msisdn_high)s)
and (%(ends_before)s::timestamptz is null or s.period_until < %(ends_before)s)
and (%(activates_before)s::timestamptz is null or s.activates_at < %(activates_before)s)

-- name: list_sims_by_iccid
-- One page of the SIMs in scope, by ICCID.
select s.* from registry.sim_card s
where s.iccid > %(after)s
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.iccid limit %(rows)s;

-- name: list_sims_by_imsi
-- One page of the SIMs in scope, by IMSI.
select s.* from registry.sim_card s
where s.imsi > %(after)s
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.imsi limit %(rows)s;

-- name: list_sims_by_msisdn
-- One page of the SIMs in scope, by MSISDN.
select s.* from registry.sim_card s
where s.msisdn > %(after)s
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.msisdn limit %(rows)s;

-- name: list_sims_by_region
-- One page of the SIMs in scope, by region.
select s.* from registry.sim_card s
where (s.region_code, s.id) > (%(after)s, %(after_id)s)
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.region_code, s.id limit %(rows)s;

-- name: list_sims_by_state
-- One page of the SIMs in scope, by state.
select s.* from registry.sim_card s
where s.state = %(state)s and s.id > %(after_id)s
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.state, s.id limit %(rows)s;

-- name: list_sims_by_plan
-- One page of the SIMs in scope, by plan.
select s.* from registry.sim_card s
where s.plan = %(plan)s and s.id > %(after_id)s
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.plan, s.id limit %(rows)s;

-- name: list_sims_by_apn
-- One page of the SIMs in scope, by APN.
select s.* from registry.sim_card s
where s.apn = %(apn)s and s.id > %(after_id)s
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.apn, s.id limit %(rows)s;

-- name: list_sims_by_order
-- One page of the SIMs in scope, by order.
select s.* from registry.sim_card s
where s.order_ref = %(order_ref)s and s.id > %(after_id)s
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.order_ref, s.id limit %(rows)s;

-- name: list_sims_by_period
-- One page of the SIMs in scope, by the end of their period.
select s.* from registry.sim_card s
where (s.period_until, s.id) > (%(after)s::timestamptz, %(after_id)s)
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.period_until, s.id limit %(rows)s;

-- name: list_sims_by_activation
-- One page of the SIMs in scope, by the time when they are put into use by themselves.
select s.* from registry.sim_card s
where (s.activates_at, s.id) > (%(after)s::timestamptz, %(after_id)s)
    -- with: in_sight
    -- with: of_client
    -- with: asked
order by s.activates_at, s.id limit %(rows)s;

-- name: list_sims_by_client
-- One page of the SIMs in scope of a client and those below it, by (client, id): client after client.
select s.* from (
    select g.id from registry.group_clients_of(0, -1, array[%(group_client)s]::int4[]) g(id)
    where g.id >= %(after)s order by g.id) c
cross join lateral (
    select s.* from registry.sim_card s
    where s.group_client_id = c.id and (c.id > %(after)s or s.id > %(after_id)s)
        -- with: in_sight
        -- with: asked
    order by s.id limit %(rows)s) s
order by c.id, s.id limit %(rows)s;

-- name: list_sims_elsewhere
-- One page of the SIMs outside the scope's region that its clients, or those it supervises, have, by (client, id).
select s.* from (
    select g.id from registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]) g(id)
    where g.id >= %(after)s order by g.id) c
cross join lateral (
    select s.* from registry.sim_card s
    where s.group_client_id = c.id and (c.id > %(after)s or s.id > %(after_id)s)
        and not s.region_code between %(region_low)s and %(region_high)s
        -- with: asked
    order by s.id limit %(rows)s) s
order by c.id, s.id limit %(rows)s;
