"""Background work: what follows the feed, sweeps and counts; one leader among all such processes.

`upkeep` is the work, `gauges` its figures. Never here: rules of the trade, which are the rooms'.
"""
