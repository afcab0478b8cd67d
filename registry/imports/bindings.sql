-- name: judge
-- What stands in the way of each row of a portion. A SIM that another rule holds for is bound anew by request.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
with looked as (
    select g.*, s.id as sim_id, b.id as binding_id, b.mode as is_mode, b.imeis as is_imeis, b.tacs as is_tacs, b.action as is_action
    from registry.imported_binding g
    left join lateral (select s.id from registry.sim s where s.iccid = g.iccid
        and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
            or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))) limit 1) s on true
    left join registry.binding b on b.sim_id = s.id and b.valid_to is null and b.mode <> 'off'
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error'))
select %(import_id)s, l.row, v.column_name, v.code, 'error', v.value
from looked l cross join lateral (values
    ('iccid', 'sim_not_found', l.iccid, l.sim_id is null),
    ('imeis', 'rule_incomplete', l.mode, cardinality(l.imeis) <> case l.mode when 'exact' then 1
        when 'imei_list' then greatest(cardinality(l.imeis), 1) else 0 end),
    ('tacs', 'rule_incomplete', l.mode, cardinality(l.tacs) <> case l.mode when 'tac' then greatest(cardinality(l.tacs), 1) else 0 end),
    ('mode', 'bound_otherwise', l.is_mode, l.binding_id is not null and not (l.mode = l.is_mode and l.action = l.is_action
        and l.imeis @> l.is_imeis and l.imeis <@ l.is_imeis and l.tacs @> l.is_tacs and l.tacs <@ l.is_tacs))
) v(column_name, code, value, holds)
where v.holds
on conflict do nothing;

-- name: count_known
-- How many rows of a portion say what holds already.
select count(*) as known from registry.imported_binding g
join registry.sim s on s.iccid = g.iccid
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
join registry.binding b on b.sim_id = s.id and b.valid_to is null and b.mode <> 'off'
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error');

-- name: end_off
-- Where nothing was to be bound, that ends.
update registry.binding b set valid_to = now()
from registry.imported_binding g join registry.sim s on s.iccid = g.iccid
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')
    and b.sim_id = s.id and b.valid_to is null and b.mode = 'off';

-- name: insert_bindings
-- The rules of a portion hold from now on, for SIMs that none holds for.
insert into registry.binding (sim_id, mode, imeis, tacs, action, reason, set_by, valid_from, version)
select s.id, g.mode, g.imeis, g.tacs, g.action, g.reason, registry.acting(), now(),
    coalesce((select max(b.version) from registry.binding b where b.sim_id = s.id), 0) + 1
from registry.imported_binding g join registry.sim s on s.iccid = g.iccid
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f
        where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')
    and not exists (select from registry.binding b where b.sim_id = s.id and b.valid_to is null)
order by g.row;

-- name: note_bindings
-- Which row made which.
insert into registry.import_made (import_id, row, id, tenant)
select g.import_id, g.row, b.id, coalesce(s.group_client_id, 0)
from registry.imported_binding g join registry.sim s on s.iccid = g.iccid
join registry.binding b on b.sim_id = s.id and b.valid_to is null and b.valid_from = now()
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f
        where f.import_id = g.import_id and f.row = g.row and f.severity = 'error');

-- name: judge_undo
-- Of which rules something has been seen or said since.
update registry.import_made m set kept = v.why
from (
    select m.row, case
        when b.id is null then 'gone'
        when b.valid_to is not null then 'changed'
        when b.verdict <> 'unproven' or b.first_imei is not null then 'heard'
        when exists (select from registry.binding_request q where q.sim_id = b.sim_id and q.state = 'open') then 'referred_to'
        end as why
    from registry.import_made m left join registry.binding b on b.id = m.id
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and not m.undone) v
where m.import_id = %(import_id)s and m.row = v.row and m.kept is distinct from v.why;

-- name: end_bindings
-- What was a rule stays on record; it ends.
update registry.binding b set valid_to = clock_timestamp() from registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and b.id = m.id and b.valid_to is null;

-- name: insert_off
-- From then on nothing is bound.
insert into registry.binding (sim_id, mode, action, set_by, valid_from, version)
select b.sim_id, 'off', b.action, registry.acting(), b.valid_to, b.version + 1
from registry.import_made m join registry.binding b on b.id = m.id
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone
    and not exists (select from registry.binding n where n.sim_id = b.sim_id and n.valid_to is null);

-- name: export
-- Some rules that hold in scope as rows of a file, in the order of their numbers.
select b.id, array[s.iccid, b.mode, array_to_string(b.imeis, ' '), array_to_string(b.tacs, ' '), b.action, b.reason] as cells
from registry.binding b join registry.sim s on s.id = b.sim_id
where b.id > %(after)s and b.valid_to is null and b.mode <> 'off'
    and (%(everything)s or s.region_code between %(region_low)s and %(region_high)s
        or s.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by b.id limit %(rows)s;
