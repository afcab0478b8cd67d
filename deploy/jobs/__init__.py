"""Background work: what follows the feed, sweeps and counts; one leader among all such processes.

`upkeep` is that work, `asked` what people ask for (every process does some), `gauges` the figures.
Never here: rules of the trade, which are the rooms'.
"""
