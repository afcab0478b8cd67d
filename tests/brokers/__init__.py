"""Brokers that others run, tried with our hooks."""
