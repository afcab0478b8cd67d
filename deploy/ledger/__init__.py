"""The ledger: a load whose every message is known, faults that strike, and books that must close.

`muster bench ledger` runs it. Terminals number their messages and keep each until its receipt;
`faults` kill, stop and cut the parts between them and the table; `checker` then reads the tables
and says of every message sent what became of it. Nothing here is used by the platform itself.
"""
