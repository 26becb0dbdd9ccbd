"""Reads vendors' costs on a schedule, so that their number stands beside ours within the hour."""
