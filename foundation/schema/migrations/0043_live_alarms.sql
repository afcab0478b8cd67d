-- What happens to alarms is fed to live streams by whoever finds out whom it is told.
insert into telemetry.feed_source (name) values ('alarms');
drop function if exists telemetry.spread_alarm_changes(int4);
