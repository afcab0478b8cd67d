"""Tests of the benchmarks' arithmetic and books; never of a time."""
