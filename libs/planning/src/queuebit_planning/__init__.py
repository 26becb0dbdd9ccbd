"""The rules of planning a job, each with one home: limits, eligibility, timing and fidelity. Pure, no quantum SDK."""
