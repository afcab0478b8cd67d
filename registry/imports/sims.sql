-- name: judge
-- What stands in the way of each row of a portion; a SIM that is there as the row says is in nobody's way.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
with given as materialized (
    select g.* from registry.imported_sim g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')),
iccids as materialized (select registry.taken('iccid', array(select iccid from given)) as iccid),
imsis as materialized (select registry.taken('imsi', array(select imsi from given where imsi is not null)) as imsi),
msisdns as materialized (select registry.taken('msisdn', array(select msisdn from given where msisdn is not null)) as msisdn),
abroad as materialized (select g.imsi from given g where not %(foreign)s and registry.is_abroad(g.imsi)),
looked as (
    select g.*, c.id as client_id, s.id as sim_id, s.imsi as is_imsi, s.msisdn as is_msisdn, s.eid as is_eid, s.group_client_id as is_client_id,
        s.region_code as is_region, s.apn as is_apn, s.plan as is_plan, s.order_ref as is_order_ref
    from given g
    left join lateral (select c.id from registry.group_client c where c.code = g.group_client
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))) limit 1) c on true
    left join lateral (select s.* from registry.sim s where s.iccid = g.iccid
        and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
            or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))) limit 1) s on true)
select %(import_id)s, l.row, v.column_name, v.code, 'error', v.value
from looked l cross join lateral (values
    ('group_client', 'group_client_not_found', l.group_client, l.group_client is not null and l.client_id is null),
    ('region', 'out_of_reach', l.region::text, not (%(everything)s or l.region between %(region_low)s and %(region_high)s or l.client_id is not null)),
    ('iccid', 'sim_taken', l.iccid, l.sim_id is null and l.iccid in (select iccid from iccids)),
    ('imsi', 'sim_taken', l.imsi, l.sim_id is null and l.imsi in (select imsi from imsis)),
    ('msisdn', 'sim_taken', l.msisdn, l.sim_id is null and l.msisdn in (select msisdn from msisdns)),
    ('imsi', 'sim_of_another_network', l.imsi, l.sim_id is null and l.imsi in (select imsi from abroad)),
    ('test_until', 'period_over', l.test_until::text, l.sim_id is null and l.test_until <= now()),
    ('silent_until', 'period_over', l.silent_until::text, l.sim_id is null and l.silent_until <= now()),
    ('silent_until', 'period_order', l.silent_until::text, l.silent_until < l.test_until),
    ('imsi', 'differs', l.is_imsi, l.sim_id is not null and l.imsi is not null and l.imsi is distinct from l.is_imsi),
    ('msisdn', 'differs', l.is_msisdn, l.sim_id is not null and l.msisdn is not null and l.msisdn is distinct from l.is_msisdn),
    ('eid', 'differs', l.is_eid, l.sim_id is not null and l.eid is not null and l.eid is distinct from l.is_eid),
    ('group_client', 'differs', (select c.code from registry.group_client c where c.id = l.is_client_id),
        l.sim_id is not null and l.client_id is distinct from l.is_client_id),
    ('region', 'differs', l.is_region::text, l.sim_id is not null and l.region <> l.is_region),
    ('apn', 'differs', l.is_apn, l.sim_id is not null and l.apn is not null and l.apn is distinct from l.is_apn),
    ('plan', 'differs', l.is_plan, l.sim_id is not null and l.plan is not null and l.plan is distinct from l.is_plan),
    ('order_ref', 'differs', l.is_order_ref, l.sim_id is not null and l.order_ref is not null and l.order_ref is distinct from l.is_order_ref)
) v(column_name, code, value, holds)
where v.holds
on conflict do nothing;

-- name: count_known
-- How many rows of a portion are on the roll already, as they say.
select count(*) as known from registry.imported_sim g
join registry.sim s on s.iccid = g.iccid
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error');

-- name: insert_sims
-- Put the SIMs of a portion on the roll that are not on it.
insert into registry.sim (iccid, imsi, msisdn, eid, state, apn, plan, test_until, silent_until, group_client_id, region_code, order_ref)
select g.iccid, g.imsi, g.msisdn, g.eid, g.state, g.apn, g.plan, g.test_until, g.silent_until, c.id, g.region, g.order_ref
from registry.imported_sim g left join registry.group_client c on c.code = g.group_client
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f
        where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')
    and not exists (select from registry.sim s where s.iccid = g.iccid)
order by g.row;

-- name: note_sims
-- Which row made which.
insert into registry.import_made (import_id, row, id, tenant)
select g.import_id, g.row, s.id, coalesce(s.group_client_id, 0)
from registry.imported_sim g join registry.sim s on s.iccid = g.iccid and s.registered_at = now()
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f
        where f.import_id = g.import_id and f.row = g.row and f.severity = 'error');

-- name: judge_undo
-- Of which made SIMs something has happened since.
update registry.import_made m set kept = v.why
from (
    select m.row, case
        when s.id is null then 'gone'
        when s.version > 1 or s.since <> s.registered_at then 'changed'
        when exists (select from registry.installation i where i.sim_id = m.id) then 'installed'
        when exists (select from registry.binding b where b.sim_id = m.id) then 'bound'
        end as why
    from registry.import_made m left join registry.sim s on s.id = m.id
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and not m.undone) v
where m.import_id = %(import_id)s and m.row = v.row and m.kept is distinct from v.why;

-- name: delete_sims
-- Off the roll, as if they had never been on it.
delete from registry.sim s using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and s.id = m.id;

-- name: export
-- Some SIMs in scope as rows of a file, in the order of their numbers.
select s.id, array[s.iccid, s.imsi, s.msisdn, s.eid, s.region_code::text, c.code, s.state, s.apn, s.plan,
    to_char(s.test_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    to_char(s.silent_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), s.order_ref] as cells
from registry.sim s left join registry.group_client c on c.id = s.group_client_id
where s.id > %(after)s
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by s.id limit %(rows)s;
