-- What else a tier lets its clients have, and tiers that are for trying only.
alter table registry.tier
    -- Payload bytes of all terminals of a client; null is no bound.
    add column bytes_per_second int4 constraint bytes_per_second_are_sane check (bytes_per_second between 1 and 100000000),
    add column alarm_response_minutes int4
        constraint alarm_response_minutes_are_sane check (alarm_response_minutes between 1 and 100000),
    add column series_cap int4 constraint series_cap_is_no_debt check (series_cap >= 0),
    -- For how long a client is on it, and what it falls back to then; null is for as long as it likes.
    add column trial_days int4 constraint trial_days_are_sane check (trial_days between 1 and 3650),
    add column after_trial text references registry.tier,
    add constraint trial_ends_in_another_tier check (after_trial <> code and (trial_days is null) = (after_trial is null));
create index tier_after_trial on registry.tier (after_trial);

alter table registry.group_client add column tier_until timestamptz;
comment on column registry.group_client.tier_until is 'when a trial ends; null on a tier that is for good';
create index group_client_tier_until on registry.group_client (tier_until, id) where tier_until is not null;
