"""What is owned: group clients, regions, device profiles, terminals, SIMs, and who may see them.

Every verb is `verb(conn, scope, ...)` inside a transaction that its caller owns; verbs never
commit. `model`, `identifiers`, `scope` and `profile_document` do no I/O. Nothing measured lives
here (that is `telemetry`), and nothing here knows the web or the broker.
"""
