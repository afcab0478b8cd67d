-- Who comes to a tier that is tried has so many days; whoever says until when says so in the same statement.
create or replace function registry.begin_trial() returns trigger
language plpgsql as $$
declare
    was text := case when tg_op = 'UPDATE' then old.tier_code end;
    until timestamptz := case when tg_op = 'UPDATE' then old.tier_until end;
begin
    if new.tier_code is distinct from was and new.tier_until is not distinct from until then
        new.tier_until := (select now() + make_interval(days => t.trial_days) from registry.tier t where t.code = new.tier_code);
    end if;
    return new;
end $$;
create or replace trigger begin_trial before insert or update of tier_code on registry.group_client
    for each row execute function registry.begin_trial();

grant update (tier_code, tier_until) on registry.group_client to muster_jobs;
