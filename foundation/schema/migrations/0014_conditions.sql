-- What a metric's value means while it lasts: bits of a word, or a truth, by the events they begin and end.
alter table registry.profile_metric add column conditions jsonb not null default '[]'
    constraint conditions_are_a_list check (jsonb_typeof(conditions) = 'array'),
    add constraint conditions_are_of_bits_and_truths check (conditions = '[]' or type in ('bigint', 'boolean'));
