"""A fleet of make-believe terminals on real MQTT connections, and a generator of plain load.

Here live the curves that say what a terminal of a kind measures at a moment, the replay of
recorded data, and what sends both to a broker. Nothing here knows the database or the platform's
processes: the simulator stands where terminals stand, and may be pointed at any broker that knows
its accounts.
"""
