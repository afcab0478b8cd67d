"""The embedded servers: PostgreSQL with TimescaleDB and Mosquitto, unpacked into the user's cache.

`runtime.ensure()` fetches and unpacks them once; `postgres.Cluster` and `mosquitto.Broker` start
and stop them, for `muster up` and for the tests alike; `supervisor` runs the whole platform on
them. Modules that say "standard library alone" are imported by the bootstrap `./muster` before
anything is installed. What production runs is never configured here.
"""
