-- What becomes of a terminal: its states, what it is made of, how it is called and through whom it speaks.

-- name: move_terminal
-- Put a terminal in scope into another state, from one of those it may come from; from isolation to where it was.
update registry.terminal t
set state = %(state)s, state_reason = %(reason)s, state_since = now(), version = t.version + 1
where t.code = %(code)s and t.state = any (%(from_states)s)
    and (t.state <> 'isolated' or %(state)s in ('retired', registry.state_before_isolation(t.id)))
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
returning t.id;

-- name: state_before_isolation
-- The state to which an isolated terminal returns.
select registry.state_before_isolation(%(terminal_id)s) as state;

-- name: list_moves
-- The moves of a terminal's life, newest first, as far as they lie in moments of the scope.
select m.id, m.at, m.from_state, m.to_state, m.reason, m.actor from registry.terminal_move m
where m.terminal_id = %(terminal_id)s and (%(after)s::int8 is null or m.id < %(after)s)
    and registry.moment_is_of(m.terminal_id, m.at, m.at + interval '1 microsecond',
        %(everything)s, %(region_low)s, %(region_high)s, %(group_clients)s::int4[])
order by m.id desc limit %(rows)s;

-- name: free_hardware
-- A retired terminal's modem is for another one.
update registry.hardware set valid_to = clock_timestamp() where terminal_id = %(terminal_id)s and valid_to is null;

-- name: free_sim
-- So is its SIM.
update registry.installation set valid_to = clock_timestamp() where terminal_id = %(terminal_id)s and valid_to is null;

-- name: free_wire_names
-- So are its names.
delete from registry.wire_name where terminal_id = %(terminal_id)s;

-- name: leave_gateway
-- It is behind nobody any more.
with left_behind as (
    update registry.terminal_gateway set valid_to = clock_timestamp() where terminal_id = %(terminal_id)s and valid_to is null)
update registry.terminal set gateway_id = null where id = %(terminal_id)s and gateway_id is not null;

-- name: describe_terminal
-- What people note of a terminal in scope; what is not given stays.
update registry.terminal t set version = t.version + 1,
    name = case when 'name' = any (%(given)s) then %(name)s else t.name end,
    region_code = coalesce(%(region)s, t.region_code),
    tags = coalesce(%(tags)s::text[], t.tags),
    latitude = case when 'location' = any (%(given)s) then %(latitude)s else t.latitude end,
    longitude = case when 'location' = any (%(given)s) then %(longitude)s else t.longitude end
where t.code = %(code)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
returning t.id;

-- name: hold_terminal
-- A terminal's state, held against whoever else changes what it is made of.
select t.state from registry.terminal t where t.id = %(terminal_id)s for no key update;

-- name: present_hardware
-- How an instant (null: now) lies to the modem that is in a terminal.
select m.at, m.at > clock_timestamp() as ahead, h.imei as present, coalesce(m.at <= h.valid_from, false) as too_early
from (select coalesce(%(at)s::timestamptz, clock_timestamp()) as at) m
left join registry.hardware h on h.terminal_id = %(terminal_id)s and h.valid_to is null;

-- name: end_hardware
-- The modem is in the terminal until then.
update registry.hardware set valid_to = %(at)s where terminal_id = %(terminal_id)s and valid_to is null
returning terminal_id, imei, valid_from, valid_to;

-- name: begin_hardware
-- Another modem is in it from then on.
insert into registry.hardware (terminal_id, imei, valid_from) values (%(terminal_id)s, %(number)s, %(at)s)
returning terminal_id, imei, valid_from, valid_to;

-- name: list_hardware
-- Which modems a terminal was, newest first, as far as they were in it in moments of the scope.
select h.terminal_id, h.imei, h.valid_from, h.valid_to from registry.hardware h
where h.terminal_id = %(terminal_id)s and (%(after)s::timestamptz is null or h.valid_from < %(after)s)
    and registry.moment_is_of(h.terminal_id, h.valid_from, h.valid_to,
        %(everything)s, %(region_low)s, %(region_high)s, %(group_clients)s::int4[])
order by h.valid_from desc limit %(rows)s;

-- name: present_sim
-- How an instant (null: now) lies to the SIM that is in a terminal.
select m.at, m.at > clock_timestamp() as ahead, i.sim_id as present, coalesce(m.at <= i.valid_from, false) as too_early
from (select coalesce(%(at)s::timestamptz, clock_timestamp()) as at) m
left join registry.installation i on i.terminal_id = %(terminal_id)s and i.valid_to is null;

-- name: list_installations
-- Which SIMs were in a terminal, newest first, as far as in moments of the scope; of a SIM that is not
-- visible any more, no number.
select i.terminal_id, s.iccid, i.valid_from, i.valid_to from registry.installation i
left join registry.sim s on s.id = i.sim_id
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
where i.terminal_id = %(terminal_id)s and (%(after)s::timestamptz is null or i.valid_from < %(after)s)
    and registry.moment_is_of(i.terminal_id, i.valid_from, i.valid_to,
        %(everything)s, %(region_low)s, %(region_high)s, %(group_clients)s::int4[])
order by i.valid_from desc limit %(rows)s;

-- name: insert_wire_name
-- A name by which a terminal is known behind its gateway.
insert into registry.wire_name (terminal_id, gateway_id, kind, value)
select t.id, t.gateway_id, %(kind)s, %(value)s from registry.terminal t where t.id = %(terminal_id)s
returning terminal_id, gateway_id;

-- name: count_wire_names
-- How many names a terminal has.
select count(*) as names from registry.wire_name where terminal_id = %(terminal_id)s;

-- name: list_wire_names
-- The names of a terminal that is in scope.
select w.terminal_id, w.gateway_id, w.kind, w.value from registry.wire_name w
where w.terminal_id = %(terminal_id)s order by w.kind, w.value;

-- name: delete_wire_name
-- Take a name from a terminal.
delete from registry.wire_name where terminal_id = %(terminal_id)s and kind = %(kind)s and value = %(value)s;

-- name: find_wire_name
-- The code of the terminal that calls itself so behind a gateway, or behind none.
select t.code from registry.wire_name w
join registry.terminal t on t.id = w.terminal_id
where w.kind = %(kind)s and w.value = %(value)s and coalesce(w.gateway_id, 0) = coalesce(%(gateway_id)s::int4, 0)
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: present_gateway
-- How an instant (null: now) lies to the gateway that a terminal is behind.
select m.at, m.at > clock_timestamp() as ahead, g.gateway_id as present, coalesce(m.at <= g.valid_from, false) as too_early
from (select coalesce(%(at)s::timestamptz, clock_timestamp()) as at) m
left join registry.terminal_gateway g on g.terminal_id = %(terminal_id)s and g.valid_to is null;

-- name: end_gateway
-- A terminal is behind its gateway until then.
update registry.terminal_gateway set valid_to = %(at)s where terminal_id = %(terminal_id)s and valid_to is null
returning terminal_id, gateway_id, valid_from, valid_to;

-- name: begin_gateway
-- A terminal is behind another gateway from then on.
insert into registry.terminal_gateway (terminal_id, gateway_id, valid_from) values (%(terminal_id)s, %(number)s, %(at)s)
returning terminal_id, gateway_id, valid_from, valid_to;

-- name: copy_gateway
-- The copy of the gateway in the terminal's row.
update registry.terminal set gateway_id = %(number)s, version = version + 1 where id = %(terminal_id)s;

-- name: copy_gateway_of_names
-- Names go with the terminal to its new gateway.
update registry.wire_name set gateway_id = %(number)s where terminal_id = %(terminal_id)s;

-- name: list_gateways
-- Behind which gateways a terminal was, newest first, as far as in moments of the scope; of a gateway that
-- is not visible, no code.
select i.terminal_id, g.code as gateway, i.valid_from, i.valid_to from registry.terminal_gateway i
left join registry.terminal g on g.id = i.gateway_id
    and (%(everything)s or g.region_code between %(region_low)s and %(region_high)s
        or g.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
where i.terminal_id = %(terminal_id)s and (%(after)s::timestamptz is null or i.valid_from < %(after)s)
    and registry.moment_is_of(i.terminal_id, i.valid_from, i.valid_to,
        %(everything)s, %(region_low)s, %(region_high)s, %(group_clients)s::int4[])
order by i.valid_from desc limit %(rows)s;

-- name: list_behind
-- The terminals in scope that are behind a gateway now, by number.
select t.id from registry.terminal t
where t.gateway_id = %(terminal_id)s and t.id > %(after)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by t.id limit %(rows)s;
