"""How the house is run: the `muster` command, the embedded servers, seeding, simulator, benchmarks.

May import every other room; no other room imports it. What production needs stands in the other
rooms: nothing here is on the path of a message or a request.
"""
