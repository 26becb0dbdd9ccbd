"""What a job prefers of its candidates: rules in integers, each with a name.

An objective orders the free candidates of a job. It changes neither whose job is next nor where a job may run.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from queuebit_scheduling.plan import Choice

__all__ = ["AWAITED_FOR", "AWAITED_JOBS", "AWAITING", "AWAIT_FIRST_US", "AWAIT_US", "BALANCE_US", "OBJECTIVES"]

BALANCE_US = 18_000
"""What a millionth of success probability is worth to a balanced job: three minutes for each percentage point. With one
rate for all jobs, no other choice for each job has both a sooner mean completion and a higher mean probability."""

AWAIT_US = 600_000_000
"""How long a job waits at most for a place on a better backend while another has a free one."""

AWAIT_FIRST_US = 10_000_000
"""The same for a job of the class `interactive`: a person waits for it."""

AWAITED_JOBS = 32
"""The most jobs of a snapshot that do; further ones take what is free, so that each cycle places jobs."""

_FALLBACK: Choice = (("fallback", lambda it: it.candidate.fallback),)
_COST: Choice = (("cost", lambda it: it.candidate.cost_rank),)
_COMPLETION: Choice = (("completion", lambda it: it.completion_us),)
_SUCCESS: Choice = (("success", lambda it: -it.candidate.esp_ppm),)
_BALANCE: Choice = (("balance", lambda it: it.completion_us - BALANCE_US * it.candidate.esp_ppm),)
_NAME: Choice = (("name", lambda it: it.candidate.backend),)

OBJECTIVES: Mapping[str, Choice] = MappingProxyType(
    {
        "cost": (*_FALLBACK, *_COST, *_COMPLETION, *_SUCCESS, *_NAME),
        "time": (*_FALLBACK, *_COMPLETION, *_COST, *_SUCCESS, *_NAME),
        "fidelity": (*_FALLBACK, *_SUCCESS, *_COST, *_COMPLETION, *_NAME),
        "balanced": (*_FALLBACK, *_BALANCE, *_COST, *_COMPLETION, *_NAME),
    }
)
"""What a job can prefer: the rules that compare its free candidates, in this order. `cost` is the default."""

AWAITING = frozenset({"time", "fidelity", "balanced"})
"""The objectives of jobs that wait for a full backend if it is the better choice. `cost` is not: how long a wait is
worth how much money is not known."""

AWAITED_FOR = frozenset({"completion", "success", "balance"})
"""The rules that say how much better a backend is; the first of an objective counts."""
