"""What is known of the jobs of one arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

__all__ = ["Arm", "Values"]

Values = Mapping[str, Sequence[float]]
"""Values of jobs by stratum. Only jobs of the same stratum are compared, such as those of one circuit, backend and
calibration; one stratum with an empty name compares all."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Counts of one arm since the start of the canary."""

    assigned: int = 0
    """Jobs that were submitted with this arm."""
    cases: int = 0
    """Those of them that ended and count: not the cancelled ones."""
    failures: int = 0
    """Cases without a usable result."""
    values: Mapping[str, Values] = field(default_factory=dict)
    """By metric."""
    tenants: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """Of each tenant: jobs, cases and failures. Empty where the tenants do not matter, as in a canary of one."""

    def without(self, tenant: str) -> Arm:
        """The counts without the jobs of one tenant; values of metrics stay."""
        assigned, cases, failures = self.tenants.get(tenant, (0, 0, 0))
        return replace(
            self, assigned=self.assigned - assigned, cases=self.cases - cases, failures=self.failures - failures
        )

    @property
    def failure_rate(self) -> float:
        """The share of failures, 0 without cases."""
        return self.failures / self.cases if self.cases else 0.0
