-- How the terminals of a profile depart from its codec, such as frames written in hexadecimal digits.
alter table registry.profile add column codec_options jsonb not null default '{}'
    constraint codec_options_are_an_object check (jsonb_typeof(codec_options) = 'object');
