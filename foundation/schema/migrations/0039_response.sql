-- By when somebody is to take note of an alarm, by the owner's tier; and that nobody did, which is kept.
alter table telemetry.alarm
    add column respond_by timestamptz,
    add column breached_at timestamptz;
create index alarm_awaits_response on telemetry.alarm (respond_by)
    where breached_at is null and acknowledged_at is null and cleared_at is null;
