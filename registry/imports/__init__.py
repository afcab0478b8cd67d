"""Bulk provisioning: a file is read, checked row by row, applied and, where it can be, undone.

Each kind of file is one declaration: its columns, and the SQL that judges and applies its rows
(`kinds`). Never here: how a file comes in over HTTP, or how a verdict is worded.
"""
