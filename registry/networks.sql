-- name: put_networks
-- Networks as the reference data have them.
insert into registry.network (prefix, operator, title_zh, title_en, home)
select * from unnest(%(prefixes)s::text[], %(operators)s::text[], %(titles_zh)s::text[], %(titles_en)s::text[], %(homes)s::boolean[])
on conflict (prefix) do update set operator = excluded.operator, title_zh = excluded.title_zh, title_en = excluded.title_en,
    home = excluded.home;

-- name: put_number_ranges
-- Ranges of numbers as the reference data have them.
insert into registry.number_range (prefix, digits, operator)
select * from unnest(%(prefixes)s::text[], %(digits)s::int2[], %(operators)s::text[])
on conflict (prefix, digits) do update set operator = excluded.operator;

-- name: find_homes
-- Whether each number (IMSI, MSISDN; parallel arrays) is the home operator's by its longest known prefix; null is unknown.
select n.home as imsi_home, r.home as msisdn_home,
    exists (select from registry.network) as networks_known, exists (select from registry.number_range) as ranges_known
from unnest(%(imsis)s::text[], %(msisdns)s::text[]) with ordinality d(imsi, msisdn, k)
left join lateral (
    select n.home from registry.network n where starts_with(d.imsi, n.prefix) order by length(n.prefix) desc limit 1) n on true
left join lateral (
    select exists (select from registry.network n where n.operator = r.operator and n.home) as home
    from registry.number_range r where r.digits = length(d.msisdn) and starts_with(d.msisdn, r.prefix)
    order by length(r.prefix) desc limit 1) r on true
order by d.k;
