"""Backends of the ledger: this process's memory, and SQL databases."""
