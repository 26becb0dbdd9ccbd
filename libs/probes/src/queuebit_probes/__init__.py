"""Probes: jobs whose right result is known, to see whether a backend still returns it."""
