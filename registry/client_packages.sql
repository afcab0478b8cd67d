-- part: shown
-- A package that a client had, has or is to have.
select x.id, c.code as group_client_code, p.code as package_code, p.title_zh, p.title_en, x.state, x.valid_from, x.valid_to, x.note,
    x.applied_at, x.applied_by, x.undone_by, x.tier_code, x.tier_until, x.former_tier_code, x.former_tier_until, x.follows_id,
    x.group_client_id, x.package_id, c.version
from registry.client_package x join registry.group_client c on c.id = x.group_client_id
join registry.package p on p.id = x.package_id

-- name: list_of_client
-- What packages a client in scope had, has and is to have, newest first; or one of them.
-- with: shown
where x.group_client_id = %(id)s and (%(number)s::int8 is null or x.id = %(number)s)
    and (%(before)s::int8 is null or x.id < %(before)s)
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by x.id desc limit %(rows)s;

-- name: list_profiles
-- The profiles of the package that a client in scope has, in order.
select f.code from registry.client_package x join registry.package_profile y on y.package_id = x.package_id
join registry.profile f on f.id = y.profile_id join registry.group_client c on c.id = x.group_client_id
where x.group_client_id = %(id)s and x.state = 'in_force'
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by y.position;

-- name: find_open
-- What a client that is held has, and is to have.
select state, package_id from registry.client_package where group_client_id = %(id)s and state in ('planned', 'in_force');

-- name: plan
-- Put on record that a client is to have a package from an instant on (null: now).
insert into registry.client_package (group_client_id, package_id, state, valid_from, note, applied_by)
values (%(id)s, %(package_id)s, 'planned', coalesce(%(at)s, now()), %(note)s, registry.acting())
returning id;

-- name: count
-- Something of a client that is held was changed.
update registry.group_client set version = version + 1 where id = %(id)s;

-- name: take_due
-- The plan whose time came first, held with its client; what others hold waits for the next turn.
select x.id, x.group_client_id from registry.client_package x join registry.group_client c on c.id = x.group_client_id
where x.state = 'planned' and x.valid_from <= clock_timestamp()
order by x.valid_from, x.id limit 1 for no key update of c, x skip locked;

-- name: end_former
-- What a client has until a plan of its comes into force.
update registry.client_package f set state = 'ended', valid_to = greatest(x.valid_from, f.valid_from)
from registry.client_package x
where x.id = %(id)s and f.group_client_id = x.group_client_id and f.state = 'in_force'
returning f.id;

-- name: note_former
-- With which tier the client comes to what is planned.
update registry.client_package x set follows_id = %(follows_id)s, former_tier_code = c.tier_code, former_tier_until = c.tier_until
from registry.group_client c where x.id = %(id)s and c.id = x.group_client_id;

-- name: put_on_tier
-- Its tier is the package's; who tries that tier already goes on trying it.
update registry.group_client c set tier_code = p.tier_code,
    tier_until = case when c.tier_code = p.tier_code then c.tier_until
        else now() + make_interval(days => t.trial_days) end, version = c.version + 1
from registry.client_package x join registry.package p on p.id = x.package_id join registry.tier t on t.code = p.tier_code
where x.id = %(id)s and c.id = x.group_client_id;

-- name: begin
-- What was planned is in force, with the tier that the client has now.
update registry.client_package x set state = 'in_force', tier_code = c.tier_code, tier_until = c.tier_until
from registry.group_client c where x.id = %(id)s and c.id = x.group_client_id;

-- name: call_off
-- What is planned does not come.
update registry.client_package set state = 'called_off', undone_by = registry.acting() where id = %(id)s;

-- name: undo
-- What is in force is not any more.
update registry.client_package set state = 'undone', valid_to = greatest(now(), valid_from), undone_by = registry.acting() where id = %(id)s;

-- name: take_tier_back
-- The tier that the client had before.
update registry.group_client set tier_code = %(former_tier_code)s, tier_until = %(former_tier_until)s, version = version + 1
where id = %(group_client_id)s;

-- name: take_back
-- What had ended for it goes on.
update registry.client_package set state = 'in_force', valid_to = null where id = %(follows_id)s;
