-- name: list_tiers
-- The tiers, or the one of a code.
select code, title_zh, title_en, offline_factor, history_days, terminal_quota, messages_per_second, bytes_per_second,
    file_policy, verification_days, alarm_response_minutes, series_cap, exports_per_day, export_bytes_per_day, trial_days, after_trial, version
from registry.tier where %(code)s::text is null or code = %(code)s order by code;

-- name: hold_tiers
-- The tiers, held against whoever else changes one: what one falls back to is another one.
select from registry.tier order by code for no key update;

-- name: find_trial_into
-- Which tier that is tried falls back to this one, if any.
select code from registry.tier where after_trial = %(code)s order by code limit 1;

-- name: change_tier
-- Other terms of a tier that is held.
update registry.tier set title_zh = %(title_zh)s, title_en = %(title_en)s, offline_factor = %(offline_factor)s,
    history_days = %(history_days)s, terminal_quota = %(terminal_quota)s, messages_per_second = %(messages_per_second)s,
    bytes_per_second = %(bytes_per_second)s, file_policy = %(file_policy)s, verification_days = %(verification_days)s,
    alarm_response_minutes = %(alarm_response_minutes)s, series_cap = %(series_cap)s,
    exports_per_day = %(exports_per_day)s, export_bytes_per_day = %(export_bytes_per_day)s, trial_days = %(trial_days)s,
    after_trial = %(after_trial)s, version = version + 1
where code = %(code)s;
