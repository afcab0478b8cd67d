"""Benchmarks with their yardsticks in the same run: `muster bench <name>`.

Every figure is a ratio of two things measured in turn on one machine, minutes apart, and every
round checks that nothing was lost. Nothing here is run by the tests, and no test is timed.
"""
