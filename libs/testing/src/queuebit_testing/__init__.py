"""Fixtures and port laws for tests; never shipped."""
