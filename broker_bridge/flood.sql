-- name: read_client_rates
-- How many messages and payload bytes a second the clients may send whose tier bounds them.
select c.id, t.messages_per_second as messages, t.bytes_per_second as bytes
from registry.group_client c join registry.tier t on t.code = c.tier_code
where t.messages_per_second is not null or t.bytes_per_second is not null;
