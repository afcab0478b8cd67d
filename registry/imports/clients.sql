-- name: hold_tree
-- Where a portion puts clients below others, nobody else moves one meanwhile.
select registry.hold_lineage() where exists (select from registry.imported_client g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s and g.parent is not null);

-- name: hold_clients
-- The clients of a portion that are on the roll, held against others who would change them.
select from registry.group_client c
where c.code in (select g.code from registry.imported_client g where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s)
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.id for no key update;

-- name: judge
-- What stands in the way of each row of a portion, and what it would change of a client that is on the roll (of contacts
-- only that they change). Of clients that the asker does not see only that their codes are taken.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
with given as materialized (
    select g.* from registry.imported_client_change g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')),
codes as materialized (select registry.taken('group_client', array(select code from given)) as code),
credit_codes as materialized (select registry.taken('credit_code', array(select credit_code from given where credit_code is not null)) as credit_code),
looked as materialized (
    select g.*, c.id as seen_id, c.file_state, g.code in (select code from codes) as taken
    from given g
    left join registry.group_client c on c.id = g.client_id
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))))
select %(import_id)s, l.row, v.column_name, v.code, 'error', v.value
from looked l
left join registry.industry i on i.code = l.industry
left join registry.tier t on t.code = l.tier
cross join lateral (values
    ('code', 'group_client_code_taken', l.code, l.seen_id is null and l.taken),
    ('code', 'file_closed', l.code, l.file_state = 'closed' and l.changes is not null),
    ('name', 'required', null, not l.taken and l.name is null),
    ('region', 'required', null, not l.taken and l.region is null),
    ('industry', 'required', null, not l.taken and l.industry is null),
    ('tier', 'required', null, not l.taken and l.tier is null),
    ('region', 'out_of_reach', l.region::text, (l.seen_id is null or l.changes ? 'region')
        and not (%(everything)s or l.region between %(region_low)s and %(region_high)s)),
    ('industry', 'industry_not_found', l.industry, l.industry is not null and i.code is null),
    ('tier', 'tier_not_found', l.tier, l.tier is not null and t.code is null),
    ('credit_code', 'credit_code_taken', l.credit_code, (l.seen_id is null or l.changes ? 'credit_code')
        and l.credit_code in (select credit_code from credit_codes))
) v(column_name, code, value, holds)
where v.holds
union all
select %(import_id)s, l.row, d.key, 'changes', 'warning', left(case when d.key <> 'contacts' then d.value end, 80)
from looked l cross join lateral jsonb_each_text(l.changes) d
where l.seen_id is not null
on conflict do nothing;

-- name: judge_after
-- Whose parent is neither on the roll nor in a right row of the file; and who would come below itself.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
with given as materialized (
    select g.row, g.code, g.parent from registry.imported_client g
    where g.import_id = %(import_id)s and not exists (
        select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error'))
select %(import_id)s, g.row, 'parent', 'parent_not_found', 'error', g.parent
from given g
where g.row between %(low)s and %(high)s and g.parent not in (select w.code from given w)
    and not exists (select from registry.group_client c where c.code = g.parent
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[]))))
union all
select %(import_id)s, c.import_row, 'parent', 'parent_cycle', 'error', c.parent
from registry.import_cycles(%(import_id)s) c where c.import_row between %(low)s and %(high)s
on conflict do nothing;

-- name: count_known
-- How many rows of a portion are on the roll already, as they say.
select count(*) as known from registry.imported_client_change g
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s and g.client_id is not null and g.changes is null
    and not exists (select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error');

-- name: tell_parentless
-- Which clients of earlier portions waited for one of this portion that turned out wrong.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
select m.import_id, m.row, 'parent', 'parent_left_out', 'warning', g.parent
from registry.import_made m join registry.imported_client g on g.import_id = m.import_id and g.row = m.row
where m.import_id = %(import_id)s and m.row < %(low)s
    and exists (select from registry.import_finding f
        where f.import_id = %(import_id)s and f.row between %(low)s and %(high)s and f.severity = 'error')
    and g.parent in (select w.code from registry.imported_client w
        join registry.import_finding f on f.import_id = w.import_id and f.row = w.row and f.severity = 'error'
        where w.import_id = %(import_id)s and w.row between %(low)s and %(high)s)
    and not exists (select from registry.group_client c join registry.group_client p on p.id = c.parent_id where c.id = m.id and p.code = g.parent)
on conflict do nothing;

-- name: begin_clients
-- Put the clients of a portion on the roll that are not on it, parents first, and keep what those were that are going to be changed.
with recursive given as materialized (
    select g.* from registry.imported_client_change g
    where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
        and not exists (select from registry.import_finding f
            where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')),
changed as (
    insert into registry.import_made (import_id, row, id, tenant, before)
    select g.import_id, g.row, c.id, 0, jsonb_build_object('client', to_jsonb(c), 'file', to_jsonb(f))
    from given g join registry.group_client c on c.id = g.client_id left join registry.client_file f on f.group_client_id = c.id
    where g.changes is not null
    returning row),
fresh as materialized (
    select g.*, nextval('registry.group_client_id_seq')::int4 as id from given g where g.client_id is null),
above as (
    select f.row, f.parent as at, 1 as depth from fresh f
    union all
    select a.row, f.parent, a.depth + 1 from above a join fresh f on f.code = a.at where a.depth < 100),
made as (
    insert into registry.group_client (id, code, name, parent_id, region_code, level, industry_code, tier_code, credit_code, standing, value_grade,
        watched, order_ref)
    overriding system value
    select f.id, f.code, f.name, coalesce(p.id, n.id), r.code, r.level, f.industry, f.tier, f.credit_code, f.standing, f.value_grade,
        coalesce(f.watched, false), f.order_ref
    from fresh f
    join (select a.row, max(a.depth) as depth from above a group by a.row) a on a.row = f.row
    join registry.region r on r.code = f.region
    left join registry.group_client p on p.code = f.parent
    left join fresh n on n.code = f.parent
    order by a.depth, f.row
    returning id)
select row from changed union all select id from made;

-- name: note_clients
-- Which row made which. What stands in such files is the operator's knowledge: none is told to the clients.
insert into registry.import_made (import_id, row, id, tenant)
select g.import_id, g.row, c.id, 0
from registry.imported_client g join registry.group_client c on c.code = g.code and c.created_at = now()
where g.import_id = %(import_id)s and g.row between %(low)s and %(high)s
    and not exists (select from registry.import_finding f
        where f.import_id = g.import_id and f.row = g.row and f.severity = 'error');

-- name: put_surveys
-- What the survey of each found out; answers that no row gives stay.
insert into registry.client_file as f (group_client_id, products, rivals, expected_terminals, needs, contacts, answered_by)
select m.id, g.products, g.rivals, g.expected_terminals, g.needs, registry.contacts_from_cell(g.contacts), registry.acting()
from registry.import_made m join registry.imported_client_change g on g.import_id = m.import_id and g.row = m.row
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s
    and g.changes ?| array['products', 'rivals', 'expected_terminals', 'needs', 'contacts']
on conflict (group_client_id) do update set products = coalesce(excluded.products, f.products), rivals = coalesce(excluded.rivals, f.rivals),
    expected_terminals = coalesce(excluded.expected_terminals, f.expected_terminals), needs = coalesce(excluded.needs, f.needs),
    contacts = case excluded.contacts when '[]' then f.contacts else excluded.contacts end,
    answered_at = now(), answered_by = excluded.answered_by;

-- name: change_clients
-- What rows give of clients that were on the roll; where these stand in the tree comes after (`place_clients`).
update registry.group_client c set name = coalesce(g.name, c.name), region_code = coalesce(r.code, c.region_code), level = coalesce(r.level, c.level),
    industry_code = coalesce(g.industry, c.industry_code), tier_code = coalesce(g.tier, c.tier_code), credit_code = coalesce(g.credit_code, c.credit_code),
    value_grade = coalesce(g.value_grade, c.value_grade), watched = coalesce(g.watched, c.watched), version = c.version + 1
from registry.import_made m join registry.imported_client g on g.import_id = m.import_id and g.row = m.row
left join registry.region r on r.code = g.region
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.before is not null and c.id = m.id;

-- name: note_versions
-- As what each row left its client.
update registry.import_made m set version = c.version from registry.group_client c
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and c.id = m.id;

-- name: place_clients
-- Clients that were on the roll, and those whose parents were not yet, below whom their rows name.
select registry.place_imported_clients(%(import_id)s, %(low)s, %(high)s);

-- name: judge_undo
-- Of which clients something has happened since.
update registry.import_made m set kept = v.why
from (
    select m.row, case
        when c.id is null then 'gone'
        when c.version <> m.version then 'changed'
        when m.before is not null then null
        when exists (select from registry.assignment a where a.group_client_id = m.id) then 'served'
        when exists (select from registry.terminal t where t.group_client_id = m.id)
            or exists (select from registry.sim s where s.group_client_id = m.id)
            or registry.has_legal_hold(m.id, null)
            or m.id in (select registry.clients_on_lists(array(select o.id from registry.import_made o
                where o.import_id = %(import_id)s and o.row between %(low)s and %(high)s and o.before is null))) then 'referred_to'
        end as why
    from registry.import_made m left join registry.group_client c on c.id = m.id
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and not m.undone) v
where m.import_id = %(import_id)s and m.row = v.row and m.kept is distinct from v.why;

-- name: judge_undo_after
-- What others are below that stay below it, stays too.
update registry.import_made m set kept = 'is_parent'
from (
    with leaving as materialized (
        select o.id from registry.import_made o join registry.group_client c on c.id = o.id
        where o.import_id = %(import_id)s and o.kept is null and not o.undone
            and (o.row between %(low)s and %(high)s or o.row < %(low)s and o.version = c.version)
            and (o.before #>> '{client,parent_id}')::int4 is distinct from c.parent_id)
    select distinct c.parent_id
    from registry.import_made p join registry.group_client c on c.parent_id = p.id
    where p.import_id = %(import_id)s and p.row between %(low)s and %(high)s and c.id not in (select l.id from leaving l)) stays
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.kept is null and not m.undone and m.before is null
    and m.id = stays.parent_id;

-- name: forget_surveys
-- Of clients that had no answers, there are none.
delete from registry.client_file f using registry.import_made m join registry.group_client c on c.id = m.id and c.version = m.version
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and m.before -> 'file' = 'null' and f.group_client_id = m.id;

-- name: restore_surveys
-- What the survey of each said before, and who said so.
update registry.client_file f set products = b.products, rivals = b.rivals, expected_terminals = b.expected_terminals, needs = b.needs,
    contacts = b.contacts, answered_at = b.answered_at, answered_by = b.answered_by
from registry.import_made m join registry.group_client c on c.id = m.id and c.version = m.version
cross join lateral jsonb_populate_record(null::registry.client_file, nullif(m.before -> 'file', 'null')) b
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and f.group_client_id = m.id
    and b.group_client_id = m.id;

-- name: restore_clients
-- What each client that was changed was before.
update registry.group_client c set name = b.name, region_code = b.region_code, level = b.level, parent_id = b.parent_id,
    industry_code = b.industry_code, tier_code = b.tier_code, tier_until = b.tier_until, credit_code = b.credit_code, value_grade = b.value_grade,
    watched = b.watched, version = c.version + 1
from registry.import_made m cross join lateral jsonb_populate_record(null::registry.group_client, m.before -> 'client') b
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and c.id = m.id and b.id = m.id and c.version = m.version;

-- name: release_children
-- Clients of earlier portions, that are going to be taken back after those that they are below, are where they were before.
with released as (
    update registry.group_client c set parent_id = (o.before #>> '{client,parent_id}')::int4, version = c.version + 1
    from registry.import_made o, registry.import_made m
    where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and m.before is null and c.parent_id = m.id
        and o.import_id = m.import_id and o.id = c.id and o.row < %(low)s
    returning c.id, c.version)
update registry.import_made o set version = r.version from released r
where o.import_id = %(import_id)s and o.row < %(low)s and o.id = r.id;

-- name: delete_clients
-- Off the roll, as if they had never been on it.
delete from registry.group_client c using registry.import_made m
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and m.undone and m.before is null and c.id = m.id;

-- name: export
-- Some clients in scope as rows of a file, in the order of their numbers.
select l.id, array[l.code, l.name, l.parent, l.region::text, l.industry, l.tier, l.credit_code, l.standing, l.value_grade,
    case when l.watched then 'yes' else 'no' end, l.products, l.rivals, l.expected_terminals::text, l.needs, l.contacts, l.order_ref] as cells
from registry.client_cells l join registry.group_client c on c.id = l.id
where c.id > %(after)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.id limit %(rows)s;
