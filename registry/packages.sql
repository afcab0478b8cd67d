-- name: list_packages
-- The packages, or the one of a code, with the profiles of each in order.
select p.id, p.code, p.title_zh, p.title_en, p.tier_code, p.retired_at, p.version,
    array(select f.code from registry.package_profile x join registry.profile f on f.id = x.profile_id
        where x.package_id = p.id order by x.position) as profiles
from registry.package p
where (%(code)s::text is null or p.code = %(code)s) and (%(retired)s or p.retired_at is null)
order by p.code;

-- name: hold_package
-- A package, held against whoever else changes it or gives it to a client.
select from registry.package where code = %(code)s for update;

-- name: insert_package
-- A new package without profiles.
insert into registry.package (code, title_zh, title_en, tier_code) values (%(code)s, %(title_zh)s, %(title_en)s, %(tier)s)
returning id;

-- name: change_package
-- A package that is held, otherwise.
update registry.package set title_zh = %(title_zh)s, title_en = %(title_en)s, tier_code = %(tier)s, version = version + 1
where id = %(id)s;

-- name: retire_package
-- Give a package that is held to nobody any more.
update registry.package set retired_at = now(), version = version + 1 where id = %(id)s;

-- name: find_planned
-- The client whose plan names a package, if there is one.
select c.code from registry.client_package x join registry.group_client c on c.id = x.group_client_id
where x.package_id = %(id)s and x.state = 'planned' limit 1;

-- name: delete_profiles
-- Take the profiles out of a package.
delete from registry.package_profile where package_id = %(id)s;

-- name: insert_profiles
-- The profiles of a package, in order.
insert into registry.package_profile (package_id, position, profile_id)
select %(id)s, w.position, f.id from unnest(%(profiles)s::text[]) with ordinality w(code, position)
join registry.profile f on f.code = w.code;
