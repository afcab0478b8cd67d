"""The whole message path as processes, with faults."""
