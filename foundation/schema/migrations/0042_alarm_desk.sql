-- What is open of a rule, and who has been silent longest, found without reading everybody's.
create index alarm_rule_open on telemetry.alarm (rule_id) where cleared_at is null;
create index presence_silent_longest on telemetry.presence (silent_since, terminal_id) where silent_since is not null;
