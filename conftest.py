"""Fixtures shared by every member's tests."""

pytest_plugins = ["queuebit_testing.plugin"]
