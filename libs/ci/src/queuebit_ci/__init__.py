"""Checks the circuits of a change for `qb ci` and the pytest plugin. Importing this package loads nothing."""
