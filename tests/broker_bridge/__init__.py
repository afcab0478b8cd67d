"""Tests of the bridge: pure parts by property, the session against a scripted and a real broker."""
