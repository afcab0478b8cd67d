-- name: hold_client
-- A client in scope, held against whoever else changes its tier.
select c.id, c.tier_code, c.tier_until from registry.group_client c
where c.code = %(code)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
for no key update;

-- name: put_on
-- Another tier of a client that is held, or another end of its trial.
update registry.group_client set tier_code = %(tier)s, tier_until = %(until)s, version = version + 1 where id = %(id)s;

-- name: end_trials
-- Let so many trials end whose time has come, those first that ended first; what is held waits for the next turn.
with ended as (
    select c.id, coalesce(t.after_trial, c.tier_code) as tier_code
    from registry.group_client c join registry.tier t on t.code = c.tier_code
    where c.tier_until <= clock_timestamp()
    order by c.tier_until, c.id limit %(rows)s for no key update of c skip locked)
update registry.group_client c set tier_code = ended.tier_code, tier_until = null, version = c.version + 1
from ended where c.id = ended.id;
