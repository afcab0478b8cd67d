"""Tests of the simulator: curves and scripts as pure functions, connections on a real broker."""
