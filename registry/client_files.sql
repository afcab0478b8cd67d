-- part: terms
-- What tier and file make of a client's terminals; of what they sent, the share of what the tier allows.
t.file_policy, t.terminal_quota, coalesce(n.terminals, 0) as terminals, c.tier_until,
y.messages / t.messages_per_second as messages_share, y.bytes / t.bytes_per_second as bytes_share

-- part: terms_of_client
-- Its tier, how many terminals it has, and what they sent a second on average yesterday.
join registry.tier t on t.code = c.tier_code
left join registry.client_terminals n on n.group_client_id = c.id
cross join lateral (select sum(v.received)::float8 / 86400 as messages, sum(v.bytes)::float8 / 86400 as bytes
    from visible.completeness_daily v
    where v.group_client_id = c.id and v.day = (now() at time zone 'UTC')::date - 1) y

-- name: find_file
-- The file of one client in scope, with what its tier makes of it.
select c.id, c.code, c.name, c.file_state, c.file_since, c.file_reason, c.filed_by, c.verified_by, c.due_at, c.standing, c.standing_since,
    c.value_grade, c.watched, c.credit_code, f.products, f.rivals, f.expected_terminals, f.needs, coalesce(f.contacts, '[]') as contacts,
    f.answered_at, f.answered_by, c.tier_code, c.version,
    -- with: terms
from registry.group_client c
left join registry.client_file f on f.group_client_id = c.id
-- with: terms_of_client
where c.code = %(code)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: find_terms
-- What tier and file make of one client's terminals, if it is in scope.
select c.file_state,
    -- with: terms
from registry.group_client c
-- with: terms_of_client
where c.id = %(id)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));

-- name: hold_client
-- A client in scope, held against whoever else changes its file.
select from registry.group_client c
where c.code = %(code)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
for no key update;

-- name: change_client
-- What the operator thinks of a client that is held, and its code.
update registry.group_client set credit_code = %(credit_code)s, value_grade = %(value_grade)s, watched = %(watched)s, version = version + 1
where id = %(id)s;

-- name: put_survey
-- What a survey found out, by whoever is acting.
insert into registry.client_file as f (group_client_id, products, rivals, expected_terminals, needs, contacts, answered_by)
values (%(id)s, %(products)s, %(rivals)s, %(expected_terminals)s, %(needs)s, %(contacts)s::jsonb, registry.acting())
on conflict (group_client_id) do update set products = excluded.products, rivals = excluded.rivals,
    expected_terminals = excluded.expected_terminals, needs = excluded.needs, contacts = excluded.contacts,
    answered_at = now(), answered_by = excluded.answered_by;

-- name: move_file
-- Another state of a file that is held. By the clock, so that its states never run backwards.
update registry.group_client set file_state = %(state)s, file_reason = %(reason)s, file_since = clock_timestamp(),
    due_at = case when %(state)s = 'verified' then %(due_at)s::timestamptz else due_at end, version = version + 1
where id = %(id)s;

-- name: set_standing
-- Another standing of a client that is held.
update registry.group_client set standing = %(standing)s, standing_since = coalesce(%(since)s, clock_timestamp()),
    standing_reason = %(reason)s, version = version + 1
where id = %(id)s;

-- name: add_evidence
-- A document of a file that is held, by whoever is acting.
insert into registry.client_evidence (group_client_id, name, sha256, note, actor)
values (%(id)s, %(name)s, %(sha256)s, %(note)s, registry.acting())
returning id, name, sha256, note, added_at, actor;

-- name: list_evidence
-- The documents of a client in scope, newest first.
select e.id, e.name, e.sha256, e.note, e.added_at, e.actor from registry.client_evidence e
where e.group_client_id = %(id)s and (%(before)s::int8 is null or e.id < %(before)s)
order by e.id desc limit %(rows)s;

-- name: list_moves
-- The states that the file of a client in scope came to, newest first.
select m.id, m.at, m.from_state, m.to_state, m.reason, m.actor from registry.client_file_move m
where m.group_client_id = %(id)s and (%(before)s::int8 is null or m.id < %(before)s)
order by m.id desc limit %(rows)s;

-- name: list_standings
-- The standings that a client in scope came to, newest first.
select s.id, s.since, s.from_standing, s.to_standing, s.reason, s.actor, s.noted_at from registry.client_standing s
where s.group_client_id = %(id)s and (%(before)s::int8 is null or s.id < %(before)s)
order by s.id desc limit %(rows)s;

-- name: end_verifications
-- Make so many verified files due whose date has come, those that are due longest first; what is held waits for the next turn.
with ended as (
    select c.id from registry.group_client c where c.file_state = 'verified' and c.due_at <= clock_timestamp()
    order by c.due_at, c.id limit %(rows)s for no key update skip locked)
update registry.group_client c
set file_state = 'due', file_since = clock_timestamp(), file_reason = 'the time of its verification is over', version = c.version + 1
from ended where c.id = ended.id;
