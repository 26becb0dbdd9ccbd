"""Where data of tenants went: placements on backends that the rule of the tenant excludes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from queuebit_contracts.tenants import Tenant

__all__ = ["Registered", "ResidencyFacts"]


class Registered(NamedTuple):
    """Where a backend stands, and who runs it."""

    backend: str
    vendor: str
    """As in budgets: `amazon-braket`."""
    region: str | None


class _Rule(NamedTuple):
    regions: tuple[str, ...]
    vendors: tuple[str, ...]

    def excludes(self, backend: Registered) -> str | None:
        """Why a backend may not have the data; None if it may."""
        if self.regions and backend.region not in self.regions:
            where = "has no known region" if backend.region is None else f"is in {backend.region}"
            return f"{where}, and data of the tenant stay in {' or '.join(self.regions)}"
        if self.vendors and backend.vendor not in self.vendors:
            return f"is of {backend.vendor}, and data of the tenant go to {' or '.join(self.vendors)} alone"
        return None


@dataclass
class ResidencyFacts:
    """Folds the rules of tenants and the placements of their jobs, in the order of the log.

    The broker decides by a view of the log that may be a moment old. So a placement is a fault if both rules exclude
    its backend: the one at the submission, and the one at the acceptance.
    """

    backends: dict[str, Registered] = field(default_factory=dict)
    placements: int = 0
    """Of jobs of tenants with a rule."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """By job."""
    _rules: dict[str, tuple[_Rule, ...]] = field(default_factory=dict)
    """By job: the rules at its submission and at its acceptance."""

    def asked(self, job: str, tenant: Tenant | None) -> None:
        """A job was submitted; a later submission replaces an earlier one."""
        self._rules.pop(job, None)
        if (rule := _rule_of(tenant)) is not None:
            self._rules[job] = (rule,)

    def accepted(self, job: str, tenant: Tenant | None) -> None:
        """A job was accepted."""
        before, rule = self._rules.pop(job, ()), _rule_of(tenant)
        if before and rule is not None:
            self._rules[job] = (before[0], rule)

    def placed(self, job: str, backend: str, sequence: int) -> None:
        """A job was placed on a backend."""
        rules, found = self._rules.get(job, ()), self.backends.get(backend)
        if not rules or found is None:
            return
        self.placements += 1
        if all(whys := [it.excludes(found) for it in rules]):
            self.faults.append((job, f"sequence {sequence} places it on {backend}, which {whys[-1]}"))


def _rule_of(tenant: Tenant | None) -> _Rule | None:
    if tenant is None or not (tenant.regions or tenant.vendors):
        return None
    return _Rule(tenant.regions, tenant.vendors)
