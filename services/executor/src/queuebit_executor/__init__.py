"""Runs circuits of one vendor stack: profiles them on request, runs what the scheduler placed."""
