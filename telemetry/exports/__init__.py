"""Exports: a big window of what was measured as a file, read by a job and kept for some days.

A process of background work reads it in the scope of who asked, as that is then, through the same
views as the API. Never here: how it is asked for or fetched over HTTP.
"""
