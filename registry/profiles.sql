-- name: insert_profile
-- Put a device profile on the roll.
insert into registry.profile (code, sector, title_zh, title_en, codec, codec_options, expected_interval_seconds,
    clock_back_seconds, clock_ahead_seconds, chunk_days, raw_days, rollup_days, pauses)
values (%(code)s, %(sector)s, %(title_zh)s, %(title_en)s, %(codec)s, %(codec_options)s, %(expected_interval_seconds)s,
    %(clock_back_seconds)s, %(clock_ahead_seconds)s, %(chunk_days)s, %(raw_days)s, %(rollup_days)s, %(pauses)s)
returning id;

-- name: insert_metric
-- Append a metric to a profile; who adds two at once is kept apart by count_change.
insert into registry.profile_metric (profile_id, name, position, type, decimals, unit, low, high,
    title_zh, title_en, hidden, conditions)
select %(profile_id)s, %(name)s, coalesce(max(position), 0) + 1, %(type)s, %(decimals)s, %(unit)s, %(low)s, %(high)s,
    %(title_zh)s, %(title_en)s, %(hidden)s, %(conditions)s
from registry.profile_metric where profile_id = %(profile_id)s;

-- name: hide_metric
-- Stop showing a metric; its column and its name stay.
update registry.profile_metric set hidden = true where profile_id = %(profile_id)s and name = %(name)s;

-- name: count_change
-- Count a change of a profile, and hold it against other changes until the transaction ends.
update registry.profile set version = version + 1 where code = %(code)s returning id;

-- name: keep_for
-- For how many days readings and roll-ups of a profile are kept.
update registry.profile set raw_days = %(raw_days)s, rollup_days = %(rollup_days)s where id = %(profile_id)s;

-- name: ensure_table
-- Make or extend the profile's hypertable and its visible view.
select telemetry.ensure_profile_table(%(profile_id)s);

-- name: list_profiles
-- One profile, or all, by code, each with its metrics in order.
select p.id, p.code, p.sector, p.title_zh, p.title_en, p.codec, p.codec_options, p.expected_interval_seconds, p.clock_back_seconds,
    p.clock_ahead_seconds, p.chunk_days, p.raw_days, p.rollup_days, p.pauses, p.version,
    (select coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'type', m.type, 'unit', m.unit, 'low', m.low,
        'high', m.high, 'decimals', m.decimals, 'title_zh', m.title_zh, 'title_en', m.title_en, 'hidden', m.hidden, 'conditions', m.conditions)
        order by m.position), '[]') from registry.profile_metric m where m.profile_id = p.id) as metrics
from registry.profile p
where %(code)s::text is null or p.code = %(code)s
order by p.code;
