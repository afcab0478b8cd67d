-- name: read_client_rates
-- How many messages a second the clients may send whose tier bounds them.
select c.id, t.messages_per_second as rate
from registry.group_client c join registry.tier t on t.code = c.tier_code where t.messages_per_second is not null;
