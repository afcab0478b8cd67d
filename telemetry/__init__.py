"""What was measured: profiles' tables, their writer, the feed of batches, latest, quarantine.

`model`, `rows`, `tables` and `batches`' coding do no I/O. `writer` is for the bridge, `latest` for
the jobs, `reader` for people: its verbs are `verb(conn, scope, ...)` over `visible.*` only. Never
here: what is owned (`registry`), the web, the broker.
"""
