-- name: list_tiers
-- The tiers, or the one of a code.
select code, title_zh, title_en, offline_factor, history_days, terminal_quota, messages_per_second, file_policy, verification_days, version
from registry.tier where %(code)s::text is null or code = %(code)s order by code;

-- name: hold_tier
-- One tier, held against whoever else changes it.
select from registry.tier where code = %(code)s for no key update;

-- name: change_tier
-- Other terms of a tier that is held.
update registry.tier set title_zh = %(title_zh)s, title_en = %(title_en)s, offline_factor = %(offline_factor)s,
    history_days = %(history_days)s, terminal_quota = %(terminal_quota)s, messages_per_second = %(messages_per_second)s,
    file_policy = %(file_policy)s, verification_days = %(verification_days)s, version = version + 1
where code = %(code)s;
