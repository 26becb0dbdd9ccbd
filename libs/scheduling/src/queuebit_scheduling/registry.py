"""Policies by name and version, so that decisions of several versions can be recomputed.

A decision names its policy. When a rule changes, `FairShare.name` gets a new version. To recompute decisions of the
previous version, keep its class in a separate module and add it here; otherwise `qb verify` counts its decisions as not
recomputable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from queuebit_scheduling.objectives import AWAIT_US
from queuebit_scheduling.plan import Policy, Target
from queuebit_scheduling.policy import POLICY, FairShare
from queuebit_scheduling.shares import Head, Line, Shares
from queuebit_scheduling.snapshot import AGED_US, BackendCapacity, Job, Movable

__all__ = ["POLICIES", "by_name"]


def by_name(policies: Iterable[Policy]) -> Mapping[str, Policy]:
    """Index policies by name; each version needs its own name."""
    return MappingProxyType({it.name: it for it in policies})


class _Version8(FairShare):
    """The policy before moves: a placed job stays where it waits, unless others go before it. Jobs of all classes wait
    equally long for a better backend."""

    name = "fair-share/8"
    most_moves = 0

    def late_us(self, expected_us: int, ran_us: int) -> int:
        return 0

    def await_us(self, job: Job) -> int:
        return AWAIT_US


class _Version7(_Version8):
    """The policy before preemption: no placed job gives way, and a backend that has places takes jobs however
    long they run."""

    name = "fair-share/7"

    def has_enough(self, backend: BackendCapacity) -> bool:
        return False

    def goes_before(self, job: Job, placed: Job) -> str | None:
        return None

    def movers(
        self,
        job: Job,
        capacity: BackendCapacity,
        expected_us: int,
        placed: Iterable[Movable],
        at_us: int,
        aged_us: int = AGED_US,
    ) -> tuple[Movable, ...]:
        return ()


class _Version6(_Version7):
    """The policy before isolated backends and shares inside a tenant: the oldest job of a tenant is next."""

    name = "fair-share/6"

    def precedence(self, job: Job) -> tuple[int, ...]:
        return ()

    def lines(self, shares: Shares, heads: Sequence[Head]) -> tuple[Line, ...]:
        return tuple(Line(it.job, it.order) for it in heads)

    def awaited(self, job: Job, targets: Sequence[Target], chosen: Target, at_us: int) -> Target | None:
        return None

    def cost_us(self, job: Job, expected_us: int, at_us: int) -> int:
        return max(0, expected_us - max(0, at_us - job.accepted_us))


class _Version5(_Version6):
    """The policy before objectives. Without an objective the rules are the same, and its snapshots have none."""

    name = "fair-share/5"


class _Version4(_Version6):
    """The policy before fallback. Without a fallback the rules are the same, and its snapshots have none."""

    name = "fair-share/4"


class _Version3(_Version6):
    """The policy before sessions. Without sessions the rules are the same, and its snapshots have none."""

    name = "fair-share/3"


POLICIES = by_name([POLICY, _Version8(), _Version7(), _Version6(), _Version5(), _Version4(), _Version3()])
"""The policies of this version."""
