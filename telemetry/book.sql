-- The book: what there is to do and to see of the clients in scope, or (clients) of some of them.

-- name: find_book
-- The clients in scope that a person serves now, and those below them.
select coalesce(array_agg(c.id), '{}') as ids from registry.group_client c
where c.id in (select registry.group_clients_of(0, -1, array(
        select a.group_client_id from registry.assignment a
        where a.person = %(person)s and a.valid_from <= now() and (a.valid_to is null or a.valid_to > now()))))
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: list_files
-- Clients whose file waits for somebody, the longest first.
select c.id, c.code, c.name, c.file_state, c.file_since, c.standing, c.value_grade, c.watched
from registry.group_client c
where c.file_state in ('surveyed', 'filed', 'due') and c.standing <> 'lost'
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(clients)s::int4[] is null or c.id = any (%(clients)s))
    and (%(after_time)s::timestamptz is null or (c.file_since, c.id) > (%(after_time)s, %(after_id)s))
order by c.file_since, c.id limit %(rows)s;

-- name: list_rivals
-- Rival SIMs that were heard in the clients' terminals since an instant, newest first.
select e.time, e.digest, e.terminal, c.code, c.name
from visible.event e
join registry.ownership o on o.terminal_id = e.terminal_id and e.time >= o.valid_from and (o.valid_to is null or e.time < o.valid_to)
join registry.group_client c on c.id = o.group_client_id
where e.code = 'identity.rival_sim' and e.code >= 'identity.' and e.code < 'identity/' and e.time >= %(start)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(clients)s::int4[] is null or c.id = any (%(clients)s))
    and (%(after_time)s::timestamptz is null or (e.time, e.digest) < (%(after_time)s, %(after_id)s))
order by e.time desc, e.digest desc limit %(rows)s;

-- name: list_silent
-- Clients with silent terminals in service, those with most first, out of the roll call's sums.
with fleet as (
    select t.group_client_id as id, sum(t.terminals)::int8 as in_service, coalesce(sum(t.terminals) filter (where t.data = 'silent'), 0)::int8 as silent
    from visible.tally t
    where t.state = 'in_service' and t.group_client_id > 0 and (%(clients)s::int4[] is null or t.group_client_id = any (%(clients)s))
    group by t.group_client_id)
select c.id, c.code, c.name, f.in_service, f.silent
from fleet f join registry.group_client c on c.id = f.id
where f.silent > 0
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(after_silent)s::int8 is null or (f.silent, c.id) < (%(after_silent)s, %(after_id)s))
order by f.silent desc, c.id desc limit %(rows)s;

-- name: list_usage
-- Clients by code: their terminals by state out of the roll call's sums, and their messages of two weeks by week.
select c.code, c.name, c.value_grade, coalesce(t.states, '{}') as states, coalesce(m.messages, 0)::int8 as messages,
    coalesce(m.messages_before, 0)::int8 as messages_before
from (
    select c.id, c.code, c.name, c.value_grade from registry.group_client c
    where c.code > %(after)s and c.standing = 'customer'
        and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
            or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
        and (%(clients)s::int4[] is null or c.id = any (%(clients)s))
    order by c.code limit %(rows)s) c
left join lateral (
    select jsonb_object_agg(s.state, s.terminals) as states from (
        select t.state, sum(t.terminals) as terminals from visible.tally t
        where t.group_client_id = c.id group by t.state having sum(t.terminals) > 0) s) t on true
left join lateral (
    select sum(v.received) filter (where v.day > %(today)s::date - 7) as messages,
        sum(v.received) filter (where v.day <= %(today)s::date - 7) as messages_before
    from visible.completeness_daily v
    where v.group_client_id = c.id and v.day > %(today)s::date - 14 and v.day <= %(today)s::date) m on true
order by c.code;
