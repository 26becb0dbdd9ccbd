"""qb: the Queuebit command line."""
