-- What of a terminal's events means for silence: from one event until another, data is awaited otherwise.
alter table registry.profile add column pauses jsonb not null default '[]'
    constraint pauses_are_a_list check (jsonb_typeof(pauses) = 'array');
