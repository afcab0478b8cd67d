"""The door of people and programs: HTTP routes, sign-in, problems, and the console.

A request becomes a scope, one transaction and a verb of `registry` or `telemetry`; nothing of the
trade is decided here, and MQTT is another door. Only `deploy` may enter.
"""
