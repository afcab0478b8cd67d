"""Names that a device profile or a metric may not take, because something else has them.

A test compares SQL_WORDS with what the database says of itself.
"""

# ruff: noqa: SIM905 - a list of words reads best as words

# Tables and views that telemetry has or will have beside the profiles' own.
RESERVED_CODES = frozenset(
    "alarm alarm_change alarm_note batch binding_tally bridge channel_state completeness event"
    " feed_source follower fragment gap identity latest maintenance_window notification_channel"
    " notification_delivery notification_item presence presence_change presence_clock"
    " profile_storage profile_tables quarantine quarantine_fault quarantine_limit receipt replay"
    " replay_item roll_call roll_call_clock rollup rollup_due rule rule_standing storm_threshold"
    " supervised_client supervision_clock supervision_day tally".split()
)
RESERVED_SUFFIXES = ("_hourly", "_daily", "_pkey")

# Columns of every profile table and view, keys that a message has beside its metrics, and the
# system columns of PostgreSQL.
RESERVED_METRICS = frozenset(
    "time terminal_id terminal delay_seconds ts seq boot values imei iccid imsi"
    " cmax cmin ctid tableoid xmax xmin".split()
)

# Words that PostgreSQL takes as a name in quotes only (pg_get_keywords, categories R and T).
SQL_WORDS = frozenset(
    """all analyse analyze and any array as asc asymmetric authorization binary both case cast
    check collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user default
    deferrable desc distinct do else end except false fetch for foreign freeze from full grant
    group having ilike in initially inner intersect into is isnull join lateral leading left like
    limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps
    placing primary references returning right select session_user similar some symmetric
    system_user table tablesample then to trailing true union unique user using variadic verbose
    when where window with""".split()
)
