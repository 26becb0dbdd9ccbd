"""What a seed decides about a simulation: its size, and which faults happen how often.

Each seed has some kinds of faults and not others: one that happens all the time hides those that need a quiet moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

__all__ = ["KINDS", "Plan", "plan_of"]

KINDS: Final = ("kill", "pause", "stop", "cut", "loss", "slow", "redeliver", "restart", "clock")
"""`kill`: a process ends at once and starts again. `pause`: nothing of it runs for longer than leases last. `stop`: it
ends in order. `cut`: it has no network for a while. `loss`: messages and answers are lost. `slow`: they take long.
`redeliver`: a consumer delivers once more what a process still works on. `restart`: of the server. `clock`: the clock
of a process jumps by minutes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The parameters of a simulation."""

    jobs: int = 3
    """Of each user."""
    faults_s: float = 20.0
    """How long faults happen; afterwards the system has to finish its work."""
    every_s: float = 0.7
    """About how often one happens."""
    kinds: tuple[str, ...] = ()
    """Which faults happen."""
    lag_s: float = 0.0
    """How old the answers of replicas are."""
    skew_s: float = 0.0
    """How far the clocks of processes are off, at most."""
    processes: Mapping[str, int] = field(default_factory=dict)
    """How many processes a service has, if not one."""


def plan_of(seed: int) -> Plan:
    """The plan of a seed."""
    random = Random(f"plan {seed}")
    kinds = tuple(it for it in KINDS if random.random() < 0.4)
    return Plan(
        jobs=random.choice((1, 2, 2, 3, 4)),
        faults_s=random.choice((8.0, 15.0, 25.0)),
        every_s=random.choice((0.3, 0.8, 2.0)),
        kinds=kinds,
        lag_s=random.choice((0.0, 0.0, 0.02, 0.3)),
        skew_s=random.choice((0.0, 1.0, 90.0, 240.0)),
        processes={
            "broker": random.choice((1, 1, 2)),
            "scheduler": random.choice((1, 2, 2, 3)),
            "executor": random.choice((1, 1, 2)),
            "metering": random.choice((1, 1, 2)),
            "provenance": random.choice((1, 1, 2)),
        },
    )
