-- Lists by what is known of data walk the roll call: in a region, and of a client. A client's terminals are walked
-- region by region, so that a supervisor's elsewhere is found without reading what is at home.
drop index telemetry.roll_call_never_heard;
create index roll_call_region on telemetry.roll_call (data, state, region_code, terminal_id);
create index roll_call_client on telemetry.roll_call (group_client_id, data, state, region_code, terminal_id);
drop index registry.terminal_client;
create index terminal_client on registry.terminal (group_client_id, region_code, id);
