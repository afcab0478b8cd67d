"""How people and programs are told of alarms: channels, what goes out by them, what became of it.

What happens to an alarm is noted by the database (`alarm_change`); `spreading` finds by which
channels it is told, `posting` sends it. Never here: when alarms begin and end (`telemetry.alarms`).
"""
