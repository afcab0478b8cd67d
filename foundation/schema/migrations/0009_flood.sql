-- What the terminals of a group client may send together, by its tier; null is no bound.
alter table registry.tier add column messages_per_second int4
    constraint messages_per_second_are_positive check (messages_per_second > 0);
