-- Rules that are broken by what does not come: judged by time, not by rows. Of silence a rule may be of every profile.
-- Made anew with the routines: its argument is a row of what changes here.
drop function if exists telemetry.rule_is_of(telemetry.rule, registry.terminal);
alter table telemetry.rule
    alter column profile_id drop not null,
    add column by_time boolean not null generated always as (coalesce(criterion ->> 'kind', '') in ('absent', 'silence')) stored,
    add constraint rule_of_readings_has_a_profile check (profile_id is not null or criterion ->> 'kind' = 'silence');

alter table telemetry.alarm drop constraint alarm_is_cleared_by_something_known,
    add constraint alarm_is_cleared_by_something_known
        check (cleared_because in ('reading', 'return', 'transfer', 'state', 'rule', 'person'));
-- Open alarms are gone through in slices.
create index alarm_still_open on telemetry.alarm (id) where cleared_at is null;
