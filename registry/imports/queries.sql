-- name: insert_import
-- A file has come.
insert into registry.import (kind, name, order_ref, defaults, size_bytes, sha256, asked_by, region_low, region_high)
values (%(kind)s, %(name)s, %(order_ref)s, %(defaults)s::jsonb, 0, '', %(asked_by)s, %(low)s, %(high)s)
returning id;

-- name: insert_part
-- One part of a file.
insert into registry.import_part (import_id, n, bytes) values (%(import_id)s, %(n)s, %(bytes)s);

-- name: measure_import
-- How large a file turned out to be.
update registry.import set size_bytes = %(bytes)s, sha256 = %(sha256)s where id = %(import_id)s;

-- name: list_imports
-- One page of the imports that the scope sees, newest first.
select i.id, i.kind, i.name, i.order_ref, i.defaults, i.size_bytes, i.sha256, i.format, i.encoding, i.columns, i.asked_by, i.asked_at, i.state, i.whole,
    i.rows, i.wrong, i.warned, i.known, i.position, i.created, i.undone, i.kept, i.problem, i.problem_row, i.problem_column, i.problem_value,
    i.applied_at, i.secrets_until, i.secrets_fetched_at, i.swept_at
from registry.import i
where (%(everything)s or i.asked_by = %(actor)s or i.region_low >= %(region_low)s and i.region_high <= %(region_high)s)
    and (%(id)s::int8 is null or i.id = %(id)s)
    and (%(order_ref)s::text is null or i.order_ref = %(order_ref)s)
    and (%(kind)s::text is null or i.kind = %(kind)s)
    and (%(after)s::int8 is null or i.id < %(after)s)
order by i.id desc limit %(rows)s;

-- name: hold_import
-- One import, held against others who would change its state.
select state from registry.import where id = %(import_id)s for update;

-- name: set_state
-- Where an import stands.
update registry.import set state = %(state)s, whole = coalesce(%(whole)s, whole), problem = null, problem_row = null, problem_column = null, problem_value = null
where id = %(import_id)s;

-- name: begin_check
-- A check begins, or begins again.
update registry.import set state = 'checking', rows = 0, wrong = 0, warned = 0, known = 0 where id = %(import_id)s and state in ('waiting', 'checking');

-- name: forget_rows
-- Rows of a check that was broken off.
delete from registry.import_row where import_id = %(import_id)s;

-- name: forget_findings
-- Findings of a check that was broken off.
delete from registry.import_finding where import_id = %(import_id)s;

-- name: forget_parts
-- The file itself, of which the rows are staged.
delete from registry.import_part where import_id = %(import_id)s;

-- name: read_part
-- One part of a file.
select bytes from registry.import_part where import_id = %(import_id)s and n = %(n)s;

-- name: describe_file
-- How a file is written.
update registry.import set format = %(format)s, encoding = %(encoding)s, columns = %(columns)s where id = %(import_id)s;

-- name: stage_rows
-- A portion of a file: row numbers, and the rows with the cells of each, parted by what no cell holds.
insert into registry.import_row (import_id, row, cells)
select %(import_id)s, r.row::int4, string_to_array(r.cells, chr(31), '')
from unnest(string_to_array(%(rows)s, ','), string_to_array(%(cells)s, chr(30))) r(row, cells);

-- name: stage_findings
-- What was found in a portion.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
select %(import_id)s, f.* from unnest(%(rows)s::int4[], %(columns)s::text[], %(codes)s::text[], %(severities)s::text[], %(values)s::text[]) f
on conflict do nothing;

-- name: count_portion
-- How many rows of a portion are wrong, or only odd.
select count(distinct f.row) filter (where f.severity = 'error')::int4 as wrong,
    (count(distinct f.row) - count(distinct f.row) filter (where f.severity = 'error'))::int4 as warned
from registry.import_finding f where f.import_id = %(import_id)s and f.row between %(low)s and %(high)s;

-- name: add_portion
-- A portion is checked.
update registry.import set rows = rows + %(rows)s, wrong = wrong + %(wrong)s, warned = warned + %(warned)s, known = known + %(known)s
where id = %(import_id)s;

-- name: find_twice
-- Rows whose cell stands in an earlier row of the same file.
insert into registry.import_finding (import_id, row, column_name, code, severity, value)
select r.import_id, r.row, %(column)s, 'twice_in_file', 'error', d.first_row::text
from (select r.cells[%(place)s] as cell, min(r.row) as first_row from registry.import_row r
    where r.import_id = %(import_id)s and r.cells[%(place)s] is not null
    group by 1 having count(*) > 1) d
join registry.import_row r on r.import_id = %(import_id)s and r.cells[%(place)s] = d.cell and r.row > d.first_row
on conflict do nothing;

-- name: end_check
-- A file is checked.
update registry.import i set state = 'checked', wrong = f.wrong, warned = f.warned
from (select count(distinct f.row) filter (where f.severity = 'error')::int4 as wrong,
        (count(distinct f.row) - count(distinct f.row) filter (where f.severity = 'error'))::int4 as warned
    from registry.import_finding f where f.import_id = %(import_id)s) f
where i.id = %(import_id)s;

-- name: fail_check
-- A file cannot be read.
update registry.import set state = 'unreadable', problem = %(problem)s, problem_row = %(row)s, problem_column = %(column)s, problem_value = %(value)s
where id = %(import_id)s;

-- name: join_whole
-- Nobody has counted the rows that just came: they are joined as a whole, and not each with each. Each tells many tables of itself.
select set_config('enable_nestloop', 'off', true), set_config('statement_timeout', '10min', true);

-- name: last_row
-- Up to which row a file goes.
select coalesce(max(row), 0)::int4 as last_row from registry.import_row where import_id = %(import_id)s;

-- name: read_position
-- Up to which row a file is applied.
select position, whole, created, undone, kept from registry.import where id = %(import_id)s;

-- name: count_wrong
-- Whether anything is wrong in a portion.
select count(distinct row)::int4 as wrong from registry.import_finding
where import_id = %(import_id)s and row between %(low)s and %(high)s and severity = 'error';

-- name: advance
-- A portion is applied.
update registry.import set position = %(position)s, created = created + %(made)s where id = %(import_id)s;

-- name: end_apply
-- A file is applied, as far as it is right.
update registry.import i set state = %(state)s, problem = %(problem)s, applied_at = now(), wrong = f.wrong, warned = f.warned,
    secrets_until = case when exists (select from registry.import_secret s where s.import_id = i.id) then now() + make_interval(days => %(days)s) end
from (select count(distinct f.row) filter (where f.severity = 'error')::int4 as wrong,
        (count(distinct f.row) - count(distinct f.row) filter (where f.severity = 'error'))::int4 as warned
    from registry.import_finding f where f.import_id = %(import_id)s) f
where i.id = %(import_id)s;

-- name: insert_secrets
-- The passwords of a portion, sealed.
insert into registry.import_secret (import_id, n, sealed) values (%(import_id)s, %(n)s, %(sealed)s);

-- name: take_secrets
-- The next part of the passwords, which is gone with this.
delete from registry.import_secret s
where s.import_id = %(import_id)s and s.n = (select min(n) from registry.import_secret where import_id = %(import_id)s)
returning n, sealed;

-- name: begin_fetching
-- Somebody who asked for passwords fetches them.
update registry.import set secrets_fetched_at = coalesce(secrets_fetched_at, now())
where id = %(import_id)s and asked_by = %(actor)s and secrets_until > now()
    and exists (select from registry.import_secret s where s.import_id = %(import_id)s)
returning id;

-- name: tell_asked
-- What somebody asks of an import is told, beside what comes of it.
select registry.tell_import_asked(%(import_id)s, %(deed)s);

-- name: tell_import
-- What an import did is told as one link of each chain.
select registry.tell_import(%(import_id)s, %(deed)s);

-- name: mark_heard
-- Terminals that were heard are not taken back.
update registry.import_made set kept = 'heard'
where import_id = %(import_id)s and row between %(low)s and %(high)s and kept is null and not undone and id = any (%(ids)s::int4[]);

-- name: list_made
-- What a portion made and still stands.
select id from registry.import_made where import_id = %(import_id)s and row between %(low)s and %(high)s and kept is null and not undone;

-- name: mark_undone
-- What of a portion is taken back.
update registry.import_made set undone = true
where import_id = %(import_id)s and row between %(low)s and %(high)s and kept is null and not undone;

-- name: step_back
-- A portion is undone.
update registry.import set position = %(position)s, undone = undone + %(undone)s where id = %(import_id)s;

-- name: end_undo
-- A file is undone, as far as nothing happened since.
update registry.import i set state = 'undone', position = %(position)s, kept = (select count(*) from registry.import_made m where m.import_id = i.id and m.kept is not null and not m.undone)
where i.id = %(import_id)s;

-- name: list_rows
-- One page of the rows of a file with what is to be said of them, in their order.
select r.row, r.cells, m.id is not null as made, m.before is not null as changed, m.kept, coalesce(m.undone, false) as undone,
    coalesce((select json_agg(json_build_array(f.column_name, f.code, f.severity, f.value) order by f.severity, f.column_name, f.code)
        from registry.import_finding f where f.import_id = r.import_id and f.row = r.row), '[]') as findings
from registry.import_row r left join registry.import_made m on m.import_id = r.import_id and m.row = r.row
where r.import_id = %(import_id)s and r.row > %(after)s
    and (not %(wrong)s or exists (select from registry.import_finding f where f.import_id = r.import_id and f.row = r.row and f.severity = 'error'))
    and (not %(odd)s or exists (select from registry.import_finding f where f.import_id = r.import_id and f.row = r.row and f.severity = 'warning'))
    and (not %(kept)s or m.kept is not null and not m.undone)
order by r.row limit %(rows)s;

-- name: sweep_secrets
-- Passwords that nobody fetched in time.
delete from registry.import_secret s using registry.import i where i.id = s.import_id and i.secrets_until < now();

-- name: list_swept
-- A file whose rows are kept no longer.
select i.id from registry.import i
where i.swept_at is null and (i.state = 'cancelled' or i.asked_at < now() - make_interval(days => %(days)s)
    and not exists (select from registry.job j where j.subject = i.id and j.state in ('queued', 'running')))
order by i.id limit 1;

-- name: sweep_rows
-- Some rows of such a file.
delete from registry.import_row where ctid in (select ctid from registry.import_row where import_id = %(import_id)s limit %(rows)s);

-- name: end_sweep
-- Nothing is left of such a file but its record.
update registry.import set swept_at = now() where id = %(import_id)s;

-- name: sweep_made
-- What its rows made is no longer known.
delete from registry.import_made where import_id = %(import_id)s;

-- name: count_rows
-- How many rows a portion has.
select count(*)::int4 as rows from registry.import_row where import_id = %(import_id)s and row between %(low)s and %(high)s;

-- name: keep_row
-- Something refers to what this row made.
update registry.import_made set kept = 'referred_to' where import_id = %(import_id)s and row = %(row)s;

-- name: fail_import
-- A job about an import failed: what was applied before stays, and can be undone.
update registry.import set problem = %(problem)s,
    state = case when %(kind)s = 'import.check' then 'unreadable' when %(kind)s = 'import.apply' and created = 0 then 'refused' else 'applied' end
where id = %(import_id)s;

-- name: link_rows
-- The hash over a portion's rows joins the one over all rows before, for each owner.
insert into registry.import_link as l (import_id, deed, tenant, rows, hash)
select m.import_id, %(deed)s, m.tenant, count(*),
    sha256(convert_to(string_agg(m.row || ' ' || r.cells::text, chr(10) order by m.row), 'UTF8'))
from registry.import_made m join registry.import_row r on r.import_id = m.import_id and r.row = m.row
where m.import_id = %(import_id)s and m.row between %(low)s and %(high)s and (%(deed)s = 'apply' or m.undone)
group by m.import_id, m.tenant
on conflict (import_id, deed, tenant) do update set rows = l.rows + excluded.rows, hash = sha256(l.hash || excluded.hash);

-- name: read_links
-- What the audit holds of every import that was applied: the hash over its rows, of each owner.
select substring(a.keys[1] from '^import:([0-9]+)$')::bigint as import_id, a.tenant, a.changes #>> '{0,after,rows_sha256}' as rows_sha256
from registry.audit a where a.action = 'import.apply' order by 1, 2;

-- name: read_made_rows
-- The rows that an import applied, in their order, as they were hashed; nothing where they are kept no longer.
select m.row, m.tenant, m.row || ' ' || r.cells::text as line
from registry.import_made m join registry.import_row r on r.import_id = m.import_id and r.row = m.row
join registry.import i on i.id = m.import_id
where m.import_id = %(import_id)s and i.swept_at is null and i.asked_at > now() - make_interval(days => %(days)s)
order by m.row;
