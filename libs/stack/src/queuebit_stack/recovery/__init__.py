"""Restores a log with a damaged store, while the stack is down."""
