"""Muster's tests: real broker, real TimescaleDB, real browser; they mirror the packages."""
