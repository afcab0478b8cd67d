-- Every query that reads what is scoped filters by the scope it was handed; row-level security,
-- which reads the transaction's scope, stands behind it.

-- name: list_regions
-- The supervision tree, parents first.
select code, last_code, level, parent_code, name_zh, name_en, tile_row, tile_column
from registry.region order by code, last_code desc;

-- name: find_region
-- One region by its code.
select code, last_code, level, parent_code, name_zh, name_en, tile_row, tile_column
from registry.region where code = %(code)s order by last_code desc;

-- name: put_region
-- A region as the reference data have it.
insert into registry.region (code, last_code, level, parent_code, name_zh, name_en, tile_row, tile_column)
values (%(code)s, %(last_code)s, %(level)s, %(parent_code)s, %(name_zh)s, %(name_en)s, %(tile_row)s, %(tile_column)s)
on conflict (code) do update set last_code = excluded.last_code, level = excluded.level,
    parent_code = excluded.parent_code, name_zh = excluded.name_zh, name_en = excluded.name_en,
    tile_row = excluded.tile_row, tile_column = excluded.tile_column;

-- name: put_industry
-- A trade as the reference data have it.
insert into registry.industry (code, title_zh, title_en, class)
values (%(code)s, %(title_zh)s, %(title_en)s, %(class)s)
on conflict (code) do update set title_zh = excluded.title_zh, title_en = excluded.title_en, class = excluded.class;

-- name: put_tier
-- A service level as the reference data have it.
insert into registry.tier (code, title_zh, title_en, offline_factor, history_days, terminal_quota, messages_per_second)
values (%(code)s, %(title_zh)s, %(title_en)s, %(offline_factor)s, %(history_days)s, %(terminal_quota)s, %(messages_per_second)s)
on conflict (code) do update set title_zh = excluded.title_zh, title_en = excluded.title_en,
    offline_factor = excluded.offline_factor, history_days = excluded.history_days,
    terminal_quota = excluded.terminal_quota, messages_per_second = excluded.messages_per_second;

-- name: insert_group_client
-- Put a group client on the roll.
insert into registry.group_client (code, name, parent_id, region_code, level, industry_code, tier_code, credit_code,
    file_state, standing, value_grade, watched)
select %(code)s, %(name)s, %(parent_id)s, r.code, r.level, %(industry)s, %(tier)s, %(credit_code)s,
    %(file_state)s, %(standing)s, %(value_grade)s, %(watched)s
from registry.region r where r.code = %(region)s
returning id;

-- name: list_group_clients
-- One page of the group clients in scope, by code.
select c.id, c.code, c.name, c.parent_id, c.region_code, c.level, c.industry_code, c.tier_code, c.credit_code,
    c.file_state, c.file_since, c.standing, c.standing_since, c.value_grade, c.watched, c.created_at, c.version
from registry.group_client c
where c.code > %(after)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(code)s::text is null or c.code = %(code)s)
    and (%(prefix_low)s::text is null or c.code >= %(prefix_low)s and c.code < %(prefix_high)s)
    and (%(low)s::int4 is null or c.region_code between %(low)s and %(high)s)
    and (%(industry)s::text is null or c.industry_code = %(industry)s)
    and (%(tier)s::text is null or c.tier_code = %(tier)s)
order by c.code limit %(rows)s;

-- name: list_client_codes
-- The codes of some group clients in scope, by code.
select c.code from registry.group_client c
where c.id = any (%(ids)s::int4[])
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.code;

-- name: list_terminals_by_code
-- One page of the terminals in scope, by code.
select t.* from registry.terminal_card t
where t.code > %(after)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(prefix_low)s::text is null or t.code >= %(prefix_low)s and t.code < %(prefix_high)s)
    and (%(state)s::text is null or t.state = %(state)s)
    and (%(profile_id)s::int4 is null or t.profile_id = %(profile_id)s)
order by t.code limit %(rows)s;

-- name: list_terminals_by_region
-- One page of the terminals in scope that are installed in a region, by (region, id).
select t.* from registry.terminal_card t
where t.region_code between %(low)s and %(high)s and (t.region_code, t.id) > (%(after)s, %(after_id)s)
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(prefix_low)s::text is null or t.code >= %(prefix_low)s and t.code < %(prefix_high)s)
    and (%(state)s::text is null or t.state = %(state)s)
    and (%(profile_id)s::int4 is null or t.profile_id = %(profile_id)s)
order by t.region_code, t.id limit %(rows)s;

-- name: list_terminals_by_client
-- One page of the terminals in scope of a client and those below it, in a region, by (client, id).
-- Client after client, so that one with three terminals is not looked for among three million.
select t.* from (
    select g.id from registry.group_clients_of(0, -1, array[%(group_client)s]::int4[]) g(id)
    where g.id >= %(after)s order by g.id) c
cross join lateral (
    select t.* from registry.terminal_card t
    where t.group_client_id = c.id and (c.id > %(after)s or t.id > %(after_id)s)
        and t.region_code between %(low)s and %(high)s
        and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
            or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
        and (%(prefix_low)s::text is null or t.code >= %(prefix_low)s and t.code < %(prefix_high)s)
        and (%(state)s::text is null or t.state = %(state)s)
        and (%(profile_id)s::int4 is null or t.profile_id = %(profile_id)s)
    order by t.id limit %(rows)s) t
order by c.id, t.id limit %(rows)s;

-- name: list_terminals_elsewhere
-- One page of the terminals outside the scope's region that its clients, or those it supervises, own,
-- by (client, id).
select t.* from (
    select g.id from registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]) g(id)
    where g.id >= %(after)s order by g.id) c
cross join lateral (
    select t.* from registry.terminal_card t
    where t.group_client_id = c.id and (c.id > %(after)s or t.id > %(after_id)s)
        and not t.region_code between %(region_low)s and %(region_high)s
        and (%(prefix_low)s::text is null or t.code >= %(prefix_low)s and t.code < %(prefix_high)s)
        and (%(state)s::text is null or t.state = %(state)s)
        and (%(profile_id)s::int4 is null or t.profile_id = %(profile_id)s)
    order by t.id limit %(rows)s) t
order by c.id, t.id limit %(rows)s;

-- name: covers_every_region
-- Whether a range of regions is the whole tree.
select exists (select from registry.region r where r.parent_code is null)
    and not exists (select from registry.region r where r.parent_code is null
        and not (%(region_low)s <= r.code and r.last_code <= %(region_high)s)) as whole;

-- name: list_these_terminals
-- Those of some terminals that are in scope, by code.
select t.* from registry.terminal_card t
where t.id = any (%(ids)s::int4[])
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by t.code;

-- name: find_profile_id
-- The number of a profile, with which the planner knows how many terminals to expect.
select id from registry.profile where code = %(profile)s;

-- name: find_terminal
-- One terminal in scope, by code.
select t.* from registry.terminal_card t
where t.code = %(code)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: count_terminals
-- How many terminals in scope are in each state.
select t.state, count(*) as terminals from registry.terminal t
where (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
group by t.state;

-- name: move_terminal
-- Put a terminal in scope into another state, from one of those it may come from.
update registry.terminal t
set state = %(state)s, state_since = now(), version = t.version + 1
where t.code = %(code)s and t.state = any (%(from_states)s)
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
returning t.id;

-- name: find_hardware
-- The modem that a terminal is now.
select terminal_id, imei, valid_from, valid_to from registry.hardware
where terminal_id = %(terminal_id)s and valid_to is null;

-- name: close_hardware
-- Free the modem of a terminal for another one.
update registry.hardware set valid_to = now() where terminal_id = %(terminal_id)s and valid_to is null;

-- name: close_installation
-- Free the SIM of a terminal for another one.
update registry.installation set valid_to = now() where terminal_id = %(terminal_id)s and valid_to is null;

-- name: delete_wire_names
-- Free the names of a terminal for another one.
delete from registry.wire_name where terminal_id = %(terminal_id)s;

-- name: issue_credential
-- Give a terminal in scope a verifier, in place of the one it had.
insert into registry.credential (terminal_id, verifier)
select t.id, %(verifier)s from registry.terminal t
where t.code = %(code)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
on conflict (terminal_id) do update set verifier = %(verifier)s, created_at = now(), revoked_at = null;

-- name: revoke_credential
-- Take the credential of a terminal in scope out of force.
update registry.credential c set revoked_at = coalesce(c.revoked_at, now())
from registry.terminal t
where t.id = c.terminal_id and t.code = %(code)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: insert_sim
-- Put a SIM on the roll.
insert into registry.sim (iccid, imsi, msisdn, eid, state, apn, plan, group_client_id, region_code)
values (%(iccid)s, %(imsi)s, %(msisdn)s, %(eid)s, %(state)s, %(apn)s, %(plan)s, %(group_client_id)s, %(region)s);

-- name: find_sim
-- One SIM in scope, by ICCID.
select s.id, s.iccid, s.imsi, s.msisdn, s.eid, s.state, s.reason, s.set_by, s.intended, s.pending_job, s.since, s.apn, s.plan,
    s.group_client_id, s.region_code, s.registered_at, s.version
from registry.sim s
where s.iccid = %(iccid)s
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: open_installation
-- A SIM is in a terminal from an instant on, if it has come.
insert into registry.installation (sim_id, terminal_id, valid_from)
select %(sim_id)s, %(terminal_id)s, coalesce(%(at)s, now()) where coalesce(%(at)s, now()) <= now()
returning sim_id, terminal_id, valid_from, valid_to;

-- name: end_installation
-- A SIM is in no terminal from an instant on, if it has come.
update registry.installation set valid_to = coalesce(%(at)s, now())
where sim_id = %(sim_id)s and valid_to is null and coalesce(%(at)s, now()) <= now()
returning sim_id, terminal_id, valid_from, valid_to;

-- name: find_installed_sim
-- The SIM that is in a terminal now.
select s.iccid from registry.installation i join registry.sim s on s.id = i.sim_id
where i.terminal_id = %(terminal_id)s and i.valid_to is null;

-- name: insert_wire_name
-- A name by which a terminal is known behind its gateway.
insert into registry.wire_name (terminal_id, gateway_id, kind, value)
select t.id, t.gateway_id, %(kind)s, %(value)s from registry.terminal t where t.id = %(terminal_id)s
returning terminal_id, gateway_id;

-- name: find_wire_name
-- The code of the terminal that calls itself so behind a gateway, or behind none.
select t.code from registry.wire_name w
join registry.terminal t on t.id = w.terminal_id
where w.kind = %(kind)s and w.value = %(value)s and coalesce(w.gateway_id, 0) = coalesce(%(gateway_id)s::int4, 0)
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: end_gateway
-- A terminal leaves the gateway it was behind.
update registry.terminal_gateway set valid_to = now() where terminal_id = %(terminal_id)s and valid_to is null;

-- name: begin_gateway
-- A terminal is behind a gateway from now on.
insert into registry.terminal_gateway (terminal_id, gateway_id, valid_from) values (%(terminal_id)s, %(gateway_id)s, now());

-- name: copy_gateway
-- The copy of the gateway in the terminal's row.
update registry.terminal set gateway_id = %(gateway_id)s, version = version + 1 where id = %(terminal_id)s;

-- name: copy_gateway_of_names
-- Names go with the terminal to its new gateway.
update registry.wire_name set gateway_id = %(gateway_id)s where terminal_id = %(terminal_id)s;

-- name: list_ownerships
-- Who owned a terminal from when to when, as far as the scope may see it.
select o.terminal_id, o.group_client_id, nullif(o.valid_from, '-infinity') as valid_from, o.valid_to
from registry.ownership o
where o.terminal_code = %(code)s
    and (%(everything)s
        or o.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))
        or exists (select from registry.terminal t where t.id = o.terminal_id
            and t.region_code between %(region_low)s and %(region_high)s))
order by o.valid_from;

-- name: hold_owner
-- The present owner of a terminal, held against other transfers, and how an instant lies to its time.
select t.group_client_id, coalesce(%(at)s, now()) as at, coalesce(%(at)s, now()) > now() as ahead,
    coalesce(%(at)s, now()) <= t.owner_since as too_early
from registry.terminal t where t.id = %(terminal_id)s for update;

-- name: end_ownership
-- The open interval ends.
update registry.ownership set valid_to = %(at)s where terminal_id = %(terminal_id)s and valid_to is null;

-- name: begin_ownership
-- The next one begins.
insert into registry.ownership (terminal_id, terminal_code, group_client_id, valid_from)
values (%(terminal_id)s, %(code)s, %(group_client_id)s, %(at)s);

-- name: copy_owner
-- The copy of the open interval in the terminal's row.
update registry.terminal set group_client_id = %(group_client_id)s, owner_since = %(at)s, version = version + 1
where id = %(terminal_id)s;

-- name: copy_owner_of_sim
-- The SIM in a terminal goes with it.
update registry.sim s set group_client_id = %(group_client_id)s, version = s.version + 1
from registry.installation i
where i.sim_id = s.id and i.terminal_id = %(terminal_id)s and i.valid_to is null;
