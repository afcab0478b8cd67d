-- Every query that reads what is scoped filters by the scope it was handed; row-level security,
-- which reads the transaction's scope, stands behind it.

-- name: list_regions
-- The supervision tree, parents first.
select code, last_code, level, parent_code, name_zh, name_en, tile_row, tile_column
from registry.region order by code, last_code desc;

-- name: find_region
-- One region by its code.
select code, last_code, level, parent_code, name_zh, name_en, tile_row, tile_column
from registry.region where code = %(code)s order by last_code desc;

-- name: put_region
-- A region as the reference data have it.
insert into registry.region (code, last_code, level, parent_code, name_zh, name_en, tile_row, tile_column)
values (%(code)s, %(last_code)s, %(level)s, %(parent_code)s, %(name_zh)s, %(name_en)s, %(tile_row)s, %(tile_column)s)
on conflict (code) do update set last_code = excluded.last_code, level = excluded.level,
    parent_code = excluded.parent_code, name_zh = excluded.name_zh, name_en = excluded.name_en,
    tile_row = excluded.tile_row, tile_column = excluded.tile_column;

-- name: put_industry
-- A trade as the reference data have it.
insert into registry.industry (code, title_zh, title_en, class)
values (%(code)s, %(title_zh)s, %(title_en)s, %(class)s)
on conflict (code) do update set title_zh = excluded.title_zh, title_en = excluded.title_en, class = excluded.class;

-- name: put_tier
-- A service level as the reference data have it; one that somebody changed stays as they left it.
insert into registry.tier (code, title_zh, title_en, offline_factor, history_days, terminal_quota, messages_per_second,
    bytes_per_second, alarm_response_minutes, series_cap, exports_per_day, export_bytes_per_day, trial_days, after_trial)
values (%(code)s, %(title_zh)s, %(title_en)s, %(offline_factor)s, %(history_days)s, %(terminal_quota)s, %(messages_per_second)s,
    %(bytes_per_second)s, %(alarm_response_minutes)s, %(series_cap)s, %(exports_per_day)s, %(export_bytes_per_day)s,
    %(trial_days)s, %(after_trial)s)
on conflict (code) do update set title_zh = excluded.title_zh, title_en = excluded.title_en,
    offline_factor = excluded.offline_factor, history_days = excluded.history_days,
    terminal_quota = excluded.terminal_quota, messages_per_second = excluded.messages_per_second,
    bytes_per_second = excluded.bytes_per_second, alarm_response_minutes = excluded.alarm_response_minutes,
    series_cap = excluded.series_cap, exports_per_day = excluded.exports_per_day,
    export_bytes_per_day = excluded.export_bytes_per_day, trial_days = excluded.trial_days, after_trial = excluded.after_trial
where registry.tier.version = 1;

-- name: insert_group_client
-- Put a group client on the roll.
insert into registry.group_client (code, name, parent_id, region_code, level, industry_code, tier_code, credit_code,
    file_state, standing, value_grade, watched)
select %(code)s, %(name)s, %(parent_id)s, r.code, r.level, %(industry)s, %(tier)s, %(credit_code)s,
    %(file_state)s, %(standing)s, %(value_grade)s, %(watched)s
from registry.region r where r.code = %(region)s
returning id;

-- name: list_group_clients
-- One page of the group clients in scope, by code.
select c.id, c.code, c.name, c.parent_id, c.region_code, c.level, c.industry_code, c.tier_code, c.tier_until, c.credit_code,
    c.file_state, c.file_since, c.standing, c.standing_since, c.value_grade, c.watched, c.created_at, c.version
from registry.group_client c
where c.code > %(after)s
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
    and (%(code)s::text is null or c.code = %(code)s)
    and (%(prefix_low)s::text is null or c.code >= %(prefix_low)s and c.code < %(prefix_high)s)
    and (%(low)s::int4 is null or c.region_code between %(low)s and %(high)s)
    and (%(industry)s::text is null or c.industry_code = %(industry)s)
    and (%(tier)s::text is null or c.tier_code = %(tier)s)
order by c.code limit %(rows)s;

-- name: list_client_codes
-- The codes of some group clients in scope, by code.
select c.code from registry.group_client c
where c.id = any (%(ids)s::int4[])
    and (%(everything)s or c.region_code between %(region_low)s and %(region_high)s
        or c.id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])))
order by c.code;

-- name: covers_every_region
-- Whether a range of regions is the whole tree.
select registry.covers_every_region(%(region_low)s, %(region_high)s) as whole;

-- name: find_terminal
-- One terminal in scope, by code.
select t.* from registry.terminal_card t
where t.code = %(code)s
    and (%(everything)s or t.region_code between %(region_low)s and %(region_high)s
        or t.group_client_id in (select registry.group_clients_of(%(region_low)s, %(region_high)s, %(group_clients)s::int4[])));
