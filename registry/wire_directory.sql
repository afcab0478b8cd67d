-- name: load_wire_names
-- Every name by which a terminal is known in a protocol, with the gateway that it is behind (0: none).
select w.terminal_id, t.code, w.kind, w.value, coalesce(w.gateway_id, 0)
from registry.wire_name w join registry.terminal t on t.id = w.terminal_id;

-- name: read_wire_names
-- The same of some terminals, by id.
select w.terminal_id, t.code, w.kind, w.value, coalesce(w.gateway_id, 0)
from registry.wire_name w join registry.terminal t on t.id = w.terminal_id
where w.terminal_id = any (%(ids)s);
