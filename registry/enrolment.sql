-- name: insert_terminals
-- Put terminals on the roll: parallel arrays, one element a terminal.
insert into registry.terminal (code, name, state, profile_id, group_client_id, region_code)
select * from unnest(%(codes)s::text[], %(names)s::text[], %(states)s::text[], %(profile_ids)s::int4[],
    %(group_client_ids)s::int4[], %(region_codes)s::int4[])
returning id, code;

-- name: insert_ownerships
-- Each terminal's first owner has it from ever on.
insert into registry.ownership (terminal_id, terminal_code, group_client_id, valid_from)
select id, code, client, '-infinity' from unnest(%(ids)s::int4[], %(codes)s::text[], %(group_client_ids)s::int4[]) d(id, code, client);

-- name: insert_profile_intervals
-- Each terminal's first profile is its from ever on.
insert into registry.terminal_profile (terminal_id, profile_id, valid_from)
select id, profile, '-infinity' from unnest(%(ids)s::int4[], %(profile_ids)s::int4[]) d(id, profile);

-- name: insert_credentials
-- What the broker checks each terminal's password with.
insert into registry.credential (terminal_id, verifier)
select * from unnest(%(ids)s::int4[], %(verifiers)s::text[]);

-- name: insert_hardware
-- The modems of those terminals whose IMEI is known.
insert into registry.hardware (terminal_id, imei, valid_from)
select id, imei, now() from unnest(%(ids)s::int4[], %(imeis)s::text[]) d(id, imei) where imei is not null;

-- name: insert_sims
-- SIMs that are in service; they belong to the region and client of their terminals.
insert into registry.sim (iccid, imsi, msisdn, state, apn, plan, group_client_id, region_code)
select iccid, imsi, msisdn, 'active', apn, plan, client, region
from unnest(%(iccids)s::text[], %(imsis)s::text[], %(msisdns)s::text[], %(apns)s::text[], %(plans)s::text[],
    %(group_client_ids)s::int4[], %(region_codes)s::int4[]) d(iccid, imsi, msisdn, apn, plan, client, region)
returning id, iccid;

-- name: insert_installations
-- Which SIM is in which terminal from now on.
insert into registry.installation (sim_id, terminal_id, valid_from)
select sim, terminal, now() from unnest(%(sim_ids)s::int4[], %(ids)s::int4[]) d(sim, terminal);

-- name: find_taken
-- Which of these codes cannot be put on the roll, because the code, the IMEI or the ICCID is on it.
select d.code from unnest(%(codes)s::text[], %(imeis)s::text[], %(iccids)s::text[]) d(code, imei, iccid)
where exists (select from registry.terminal t where t.code = d.code)
    or exists (select from registry.hardware h where h.imei = d.imei and h.valid_to is null)
    or exists (select from registry.sim s where s.iccid = d.iccid);

-- name: find_known
-- Which of these codes are on the roll.
select code from registry.terminal where code = any (%(codes)s);
