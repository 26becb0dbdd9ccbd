"""Incidents: folded from facts, decided by rules, written down as post-mortems. Pure: no I/O and no clock."""

from queuebit_incidents.state import Incident, Note, evolve, fold

__all__ = ["Incident", "Note", "evolve", "fold"]
