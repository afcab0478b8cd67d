-- What files of clients and of who serves them put on the roll, and their undo takes off it, under the policies of who asked.
grant insert, delete on registry.group_client to muster_jobs;
grant usage on sequence registry.group_client_id_seq to muster_jobs;
grant update (name, region_code, level, parent_id, industry_code, tier_code, credit_code, value_grade, watched) on registry.group_client to muster_jobs;
grant select, insert, update, delete on registry.client_file to muster_jobs;
grant select on registry.client_file_move to muster_jobs;
grant insert, update (valid_to, ended_by, end_note), delete on registry.assignment to muster_jobs;
grant execute on function registry.people_who_serve(), registry.hold_person(text) to muster_jobs;

-- Contacts as a cell has them, name|role|telephone|mail parted by semicolons, and back; what parts them stands in none.
create or replace function registry.contacts_to_cell(contacts jsonb) returns text
language sql immutable parallel safe
begin atomic
    select string_agg(rtrim(concat_ws('|', c.name, coalesce(c.role, ''), coalesce(c.phone, ''), coalesce(c.mail, '')), '|'), '; ' order by c.n)
    from (select e.n, translate(e.contact ->> 'name', ';；|｜', ',，//') as name, translate(e.contact ->> 'role', ';；|｜', ',，//') as role,
            e.contact ->> 'phone' as phone, translate(e.contact ->> 'mail', ';；|｜', ',，//') as mail
        from jsonb_array_elements(contacts) with ordinality e(contact, n)) c;
end;
create or replace function registry.contacts_from_cell(cell text) returns jsonb
language sql immutable parallel safe
begin atomic
    select coalesce(jsonb_agg(jsonb_build_object('name', split_part(c.contact, '|', 1), 'role', nullif(split_part(c.contact, '|', 2), ''),
        'phone', nullif(split_part(c.contact, '|', 3), ''), 'mail', nullif(split_part(c.contact, '|', 4), '')) order by c.n), '[]')
    from unnest(string_to_array(cell, '; ')) with ordinality c(contact, n);
end;

-- The rows of such files, by the names of their columns.
create or replace view registry.imported_client with (security_invoker) as
select r.import_id, r.row, r.cells[1] as code, r.cells[2] as name, r.cells[3] as parent, r.cells[4]::int4 as region, r.cells[5] as industry,
    r.cells[6] as tier, r.cells[7] as credit_code, r.cells[8] as standing, r.cells[9] as value_grade, r.cells[10] = 'yes' as watched,
    r.cells[11] as products, r.cells[12] as rivals, r.cells[13]::int4 as expected_terminals, r.cells[14] as needs, r.cells[15] as contacts,
    r.cells[16] as order_ref
from registry.import_row r;
create or replace view registry.imported_assignment with (security_invoker) as
select r.import_id, r.row, r.cells[1] as group_client, r.cells[2] as role, r.cells[3] as person, r.cells[4]::timestamptz as effective_at, r.cells[5] as note
from registry.import_row r;

-- A client as a row of a file has it: a workbook keeps no carriage returns.
create or replace view registry.client_cells with (security_invoker) as
select c.id, c.code, c.name, p.code as parent, c.region_code as region, c.industry_code as industry, c.tier_code as tier, c.credit_code, c.standing,
    c.value_grade, c.watched, replace(f.products, chr(13), '') as products, replace(f.rivals, chr(13), '') as rivals, f.expected_terminals,
    replace(f.needs, chr(13), '') as needs, registry.contacts_to_cell(f.contacts) as contacts, c.order_ref
from registry.group_client c
left join registry.group_client p on p.id = c.parent_id
left join registry.client_file f on f.group_client_id = c.id;

-- Each row beside the client that it is about, if that is on the roll and seen: what it would change, as it is now.
create or replace view registry.imported_client_change with (security_invoker) as
select g.*, c.id as client_id, d.changes
from registry.imported_client g
left join registry.client_cells c on c.code = g.code
left join lateral (
    select jsonb_object_agg(n.key, to_jsonb(c) -> n.key) as changes
    from jsonb_each(jsonb_strip_nulls(to_jsonb(g) - '{import_id,row,code,standing,order_ref}'::text[])) n
    where c.id is not null and n.value is distinct from to_jsonb(c) -> n.key) d on true;

-- Each row beside who serves the client last in that role, and whether that is what the row says.
create or replace view registry.imported_assignment_change with (security_invoker) as
select g.*, c.id as client_id, l.id as last_id, l.person as last_person, l.valid_from as last_from, l.valid_to as last_to,
    coalesce(g.effective_at, now()) as begins_at,
    coalesce(l.person = g.person and l.valid_to is null
        and case when g.effective_at is null then l.valid_from <= now() else l.valid_from = g.effective_at end, false) as known
from registry.imported_assignment g
left join registry.group_client c on c.code = g.group_client
left join lateral (
    select a.id, a.person, a.valid_from, a.valid_to from registry.assignment a
    where a.group_client_id = c.id and a.role = g.role order by a.valid_from desc limit 1) l on true;

grant select on registry.imported_client, registry.imported_assignment, registry.client_cells, registry.imported_client_change,
    registry.imported_assignment_change to muster_jobs;
grant select on registry.client_cells to muster_api;

-- Rows whose client would come below itself, with all the file moves and whatever of the rest of the tree, seen or not.
create or replace function registry.import_cycles(of_import bigint) returns table (import_row int4, parent text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    with recursive given as materialized (
        select g.row, g.code, g.parent from registry.imported_client g
        where g.import_id = of_import and g.parent is not null and not exists (
            select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')),
    walk as (
        select g.row, g.code as origin, g.parent as at, g.parent as first from given g
        union
        select w.row, w.origin, coalesce(n.parent, p.code), w.first
        from walk w
        left join given n on n.code = w.at
        left join registry.group_client c on c.code = w.at and n.code is null
        left join registry.group_client p on p.id = c.parent_id
        where w.at <> w.origin and coalesce(n.parent, p.code) is not null)
    select w.row, w.first from walk w where w.at = w.origin;
end;

-- Nobody else moves a client, or comes on the roll, until the end of the transaction (43_supervision).
create or replace function registry.hold_lineage() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    lock table registry.group_client_lineage in share row exclusive mode;
end $$;

-- Put the clients of a portion, and those of earlier ones that waited for one of it, below whom their rows name; parents first,
-- so that none is below itself on the way.
create or replace function registry.place_imported_clients(of_import bigint, low int4, high int4) returns void
language plpgsql as $$
declare
    moved record;
begin
    for moved in
        with recursive valid as materialized (
            select g.row, g.code, g.parent from registry.imported_client g
            where g.import_id = of_import and g.row <= high and g.parent is not null and not exists (
                select from registry.import_finding f where f.import_id = g.import_id and f.row = g.row and f.severity = 'error')),
        due as (
            select v.row, v.code, v.parent from valid v
            where v.row >= low or v.parent in (
                select w.code from registry.imported_client w where w.import_id = of_import and w.row between low and high)),
        up as (
            select d.row, d.parent as at, 1 as depth from due d
            union all
            select u.row, v.parent, u.depth + 1 from up u join valid v on v.code = u.at where u.depth < 100)
        select m.row, c.id, p.id as parent_id
        from due d
        join registry.import_made m on m.import_id = of_import and m.row = d.row
        join registry.group_client c on c.id = m.id
        join registry.group_client p on p.code = d.parent
        join (select u.row, max(u.depth) as depth from up u group by u.row) u on u.row = d.row
        where c.parent_id is distinct from p.id
        order by u.depth, m.row
    loop
        with placed as (
            update registry.group_client c set parent_id = moved.parent_id, version = c.version + 1
            where c.id = moved.id returning c.version)
        update registry.import_made m set version = placed.version from placed where m.import_id = of_import and m.row = moved.row;
    end loop;
end $$;

-- Which of these are on the list of a user or a key.
create or replace function registry.clients_on_lists(given int4[]) returns setof int4
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select unnest(u.group_client_ids) from registry.user_account u where u.group_client_ids && given
    union select unnest(k.group_client_ids) from registry.api_key k where k.group_client_ids && given;
end;
grant execute on function registry.import_cycles(bigint), registry.hold_lineage(), registry.clients_on_lists(int4[]) to muster_jobs;
