-- name: insert_sim
-- Put a SIM on the roll.
insert into registry.sim (iccid, imsi, msisdn, eid, state, apn, plan, test_until, silent_until, group_client_id, region_code)
values (%(iccid)s, %(imsi)s, %(msisdn)s, %(eid)s, %(state)s, %(apn)s, %(plan)s, %(test_until)s, %(silent_until)s,
    %(group_client_id)s, %(region)s);

-- name: find_sim
-- One SIM in scope, by ICCID.
select s.* from registry.sim_card s
where s.iccid = %(iccid)s
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: hold_sims
-- SIMs in scope, held against others until the transaction ends; always in one order.
select s.id, s.iccid from registry.sim s
where s.iccid = any (%(iccids)s)
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by s.id for update;

-- name: find_installed_sim
-- The SIM that is in a terminal now.
select s.iccid from registry.installation i join registry.sim s on s.id = i.sim_id
where i.terminal_id = %(terminal_id)s and i.valid_to is null;

-- name: change_sim
-- Other numbers, service, periods, place or owner of a SIM that is held.
update registry.sim set imsi = %(imsi)s, msisdn = %(msisdn)s, eid = %(eid)s, apn = %(apn)s, plan = %(plan)s,
    test_until = %(test_until)s, silent_until = %(silent_until)s, intended = %(intended)s, pending_job = %(pending_job)s,
    region_code = %(region_code)s, group_client_id = %(group_client_id)s, version = version + 1
where id = %(id)s;

-- name: move_sim
-- Another state of a SIM that is held. By the clock, so that a SIM's states never run backwards.
update registry.sim set state = %(state)s, reason = %(reason)s, set_by = %(set_by)s, since = clock_timestamp(),
    intended = %(intended)s, pending_job = case when %(intended)s::text is not null then pending_job end, version = version + 1
where id = %(id)s;

-- name: end_periods
-- Move on so many SIMs whose period is over, those that are due longest first; what is held waits for the next turn.
with due as (
    select s.id from registry.sim s where s.period_until <= clock_timestamp()
    order by s.period_until, s.id limit %(rows)s for update skip locked)
update registry.sim s
set state = case when s.state = 'testing' and s.silent_until > clock_timestamp() then 'silent' else 'active' end,
    reason = case s.state when 'testing' then 'the test period is over' else 'the silent period is over' end,
    set_by = 'system', since = clock_timestamp(), intended = null, pending_job = null, version = s.version + 1
from due where s.id = due.id;

-- name: count_activations
-- How many SIMs in scope are put into use by themselves until an instant, by day (UTC), of the first few thousand.
select (a.activates_at at time zone 'UTC')::date as day, count(*) as sims from (
    select s.activates_at from registry.sim s
    where s.activates_at < %(until)s and (%(clients)s::int4[] is null or s.group_client_id = any (%(clients)s))
        and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
            or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    order by s.activates_at limit %(rows)s) a
group by 1 order by 1;

-- name: list_state_changes
-- One page of the states that a SIM went to, newest first, as far as they are the scope's to see.
select h.id, h.at, h.from_state, h.to_state, h.set_by, h.actor, h.reason from registry.sim_state_change h
join registry.sim s on s.id = h.sim_id
where h.sim_id = %(sim_id)s and (%(before)s::bigint is null or h.id < %(before)s)
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or h.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by h.id desc limit %(rows)s;

-- name: list_installations
-- One page of the terminals that a SIM was in, newest first: those that the scope sees, in its own time.
select t.code as terminal_code, i.valid_from, i.valid_to
from registry.installation i join registry.terminal t on t.id = i.terminal_id
where i.sim_id = %(sim_id)s and (%(before)s::timestamptz is null or i.valid_from < %(before)s)
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(everything)s or i.valid_to is null or t.region_code between %(region_low)s and %(region_high)s
        or exists (select from registry.ownership o where o.terminal_id = i.terminal_id
            and o.valid_from < i.valid_to and (o.valid_to is null or o.valid_to > i.valid_from)
            and o.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))))
order by i.valid_from desc limit %(rows)s;

-- name: installation_time
-- When something is put on record: as told, or by the clock, which whoever waited for a SIM reads after the wait.
select coalesce(%(at)s::timestamptz, clock_timestamp()) as at, coalesce(%(at)s > clock_timestamp(), false) as ahead;

-- name: end_installations
-- SIMs are in no terminal from an instant on.
update registry.installation set valid_to = %(at)s where sim_id = any (%(sim_ids)s::int4[]) and valid_to is null
returning sim_id, terminal_id, valid_from, valid_to;

-- name: open_installations
-- SIMs are each in a terminal from an instant on.
insert into registry.installation (sim_id, terminal_id, valid_from)
select sim_id, terminal_id, %(at)s from unnest(%(sim_ids)s::int4[], %(terminal_ids)s::int4[]) d(sim_id, terminal_id)
returning sim_id, terminal_id, valid_from, valid_to;

-- name: adopt_sims
-- What comes from the operator's stock belongs to the owner of the terminal that it is in.
update registry.sim s set group_client_id = t.group_client_id, version = s.version + 1
from unnest(%(sim_ids)s::int4[], %(terminal_ids)s::int4[]) d(sim_id, terminal_id)
join registry.terminal t on t.id = d.terminal_id
where s.id = d.sim_id and s.group_client_id is null and t.group_client_id is not null;

-- name: find_other_owners
-- Those of some SIMs that belong to another client than the terminal that they are to be in.
select s.iccid from unnest(%(sim_ids)s::int4[], %(terminal_ids)s::int4[]) d(sim_id, terminal_id)
join registry.terminal t on t.id = d.terminal_id
join registry.sim s on s.id = d.sim_id
where s.group_client_id is not null and s.group_client_id is distinct from t.group_client_id
order by s.iccid;
