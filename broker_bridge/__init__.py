"""MQTT in, telemetry out: every delivery is stored, quarantined or kept, then acknowledged.

Here live the MQTT session, the topic grammar, the decoders and the path from a delivery to its
durable fate. Never here: what is owned (`registry`), how readings are kept (`telemetry`), people
and programs (`api`). Nobody imports this package but `deploy`.
"""
