"""The `muster` command: what people type. Each module holds a few commands and is imported late.

Nothing here decides anything: commands read their arguments, call the rooms, and print.
"""
