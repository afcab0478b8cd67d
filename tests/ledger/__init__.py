"""The ledger harness: its script, its network, and that its books close only when they should."""
