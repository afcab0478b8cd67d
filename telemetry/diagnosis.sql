-- name: look_around
-- Of the terminals in service in a city, how many there are as they were counted last, and how many fell silent in a window.
select (select coalesce(sum(t.terminals), 0)::int8 from visible.tally t
        where t.region_code between %(first)s and %(last)s and t.state = 'in_service') as in_service,
    (select count(distinct f.terminal_id) from (
        select c.terminal_id from visible.presence_change c join registry.terminal t on t.id = c.terminal_id
        where c.fact = 'data' and not c.present and c.time between %(start)s and %(end)s
            and t.region_code between %(first)s and %(last)s
        limit %(most)s) f) as fell_silent;
