"""The laboratory for scheduling policies: real queues and calibrations, in simulated time.

Importing this package loads nothing else; a simulation needs the extra `run`.
"""
