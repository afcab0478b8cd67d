-- name: list_latest_of_many
-- The newest values of some terminals, of metrics that a profile of theirs shows, each with its type.
with shown as materialized (
    select distinct on (p.terminal_id, m.name) p.terminal_id, m.name, m.type
    from registry.profiles_in_window(%(ids)s::int4[], %(start)s, %(end)s) with ordinality p(terminal_id, profile_id, k)
    join registry.profile_metric m on m.profile_id = p.profile_id and not m.hidden
        and (%(metrics)s::text[] is null or m.name = any (%(metrics)s))
    order by p.terminal_id, m.name, p.k desc)
select l.terminal_id, l.metric, l.time, l.number, l.text, s.type
from visible.latest l join shown s on s.terminal_id = l.terminal_id and s.name = l.metric
where l.terminal_id = any (%(ids)s::int4[])
order by l.terminal_id, l.metric;

-- name: list_unknown_metrics
-- Those of some names that no profile shows.
select n.name from unnest(%(names)s::text[]) n(name)
where not exists (select from registry.profile_metric m where m.name = n.name and not m.hidden);
