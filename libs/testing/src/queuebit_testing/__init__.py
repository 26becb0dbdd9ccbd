"""Fixtures and port laws for tests; not shipped."""
