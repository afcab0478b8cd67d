"""What every room stands on: settings, errors, logs, the database, its schema, clean shutdown.

Knows nothing of terminals, messages or clients, and imports nothing of ours. Everybody may enter.
"""
