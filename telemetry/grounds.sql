-- name: find_ground
-- How far a profile is rolled up for some terminals, within what a calendar holds; and from when on the asker sees anything.
select greatest(g.complete_from, timestamptz '1970-01-01 00:00:00Z') as complete_from,
    greatest(g.raw_from, timestamptz '1970-01-01 00:00:00Z') as raw_from,
    greatest(g.unseen_from, timestamptz '1970-01-01 00:00:00Z') as unseen_from, g.due_hours, g.due_days,
    nullif(registry.scope_history_from(), '-infinity') as history_from
from (select least(r.complete_from, timestamptz '2200-01-01 00:00:00Z') as complete_from, r.raw_from,
        least(r.unseen_from, timestamptz '2200-01-01 00:00:00Z') as unseen_from, r.due_hours, r.due_days
    from telemetry.rollup_ground(%(profile)s, %(ids)s::int4[], %(start)s, %(end)s) r) g;

-- name: list_cuts
-- When within a window terminals change hands, as far as the scope sees it.
select distinct o.terminal_id, e.at from registry.ownership o cross join lateral (values (o.valid_from), (o.valid_to)) e(at)
where o.terminal_id = any (%(ids)s::int4[]) and e.at > %(start)s and e.at < %(end)s
order by 1, 2;
