"""Mending a log whose store was damaged, while nothing runs."""
