-- What a bridge says of itself every second, so that who looks at the database knows how each of them is. `spool_since` is when
-- the oldest message came that waits on its disk, `spool_room_bytes` what the disk takes still.
alter table telemetry.bridge
    add column noted_at timestamptz,
    add column is_connected boolean not null default false,
    add column unsettled int4 not null default 0,
    add column spool_messages int8 not null default 0,
    add column spool_bytes int8 not null default 0,
    add column spool_room_bytes int8 not null default 0,
    add column spool_since timestamptz;
