-- Lists and searches over three million terminals: in the order of their region within a state or profile,
-- by tag, by words of a name, by what a terminal is called in a protocol.
drop index registry.terminal_state;
create index terminal_state on registry.terminal (state, region_code, id);
drop index registry.terminal_profile_now;
create index terminal_profile_now on registry.terminal (profile_id, region_code, id);
create index terminal_tags on registry.terminal using gin (tags) where tags <> '{}';
create index wire_name_value on registry.wire_name (value);

-- Every two characters that follow each other in a name (and its last one): a word of two characters is one of
-- them, which no trigram finds. Those at even places, then those at odd ones: of all ways tried the one
-- that costs an import least.
create function registry.name_pairs(name text) returns text[]
language sql immutable parallel safe
return array_remove(string_to_array(regexp_replace(lower(name), '(..)', '\1|', 'g') || '|' ||
    regexp_replace(substr(lower(name), 2), '(..)', '\1|', 'g'), '|'), '');
create index terminal_name on registry.terminal using gin (registry.name_pairs(name)) where name is not null;
create index group_client_name on registry.group_client using gin (registry.name_pairs(name));
