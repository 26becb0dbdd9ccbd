"""The rules for planning a job: limits, eligibility, timing and fidelity. Pure functions; needs no quantum SDK."""
