"""What processes keep, and what several share: limits, cache and the ledger."""
