-- name: list_thresholds
-- When many that fell silent are a storm, by what they share; all, or one.
select shared, name, severity, least, share, window_seconds, version from telemetry.storm_threshold
where %(shared)s::text is null or shared = %(shared)s order by shared;

-- name: change_threshold
-- From now on it is otherwise.
update telemetry.storm_threshold set version = version + 1, name = %(name)s, severity = %(severity)s, least = %(least)s, share = %(share)s,
    window_seconds = %(window_seconds)s
where shared = %(shared)s and %(everything)s;
