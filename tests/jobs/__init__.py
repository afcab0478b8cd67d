"""The jobs process."""
