"""What a session spent and tested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

__all__ = ["Ledger"]


@dataclass(slots=True)
class Ledger:
    """Counts of one process; those of the workers of pytest-xdist are added."""

    jobs: int = 0
    unbilled: int = 0
    """Jobs whose charge is not known."""
    charges: dict[str, Decimal] = field(default_factory=dict)
    """By currency."""
    comparisons: int = 0
    false_alarms: float = 0.0
    """An upper bound of the probability that a session of correct programs fails: the sum of all rates."""

    def tested(self, alpha: float) -> None:
        """Count one comparison of distributions."""
        self.comparisons += 1
        self.false_alarms += alpha

    def charged(self, amount: Decimal, currency: str) -> None:
        """Add the charge of one job."""
        self.charges[currency] = self.charges.get(currency, Decimal(0)) + amount

    def document(self) -> dict[str, object]:
        """Everything, for another process."""
        charges = {currency: str(amount) for currency, amount in self.charges.items()}
        counts = {"jobs": self.jobs, "unbilled": self.unbilled, "comparisons": self.comparisons}
        return {**counts, "charges": charges, "false_alarms": self.false_alarms}

    def add(self, document: Mapping[str, Any]) -> None:
        """Add what another process counted."""
        self.jobs += document["jobs"]
        self.unbilled += document["unbilled"]
        self.comparisons += document["comparisons"]
        self.false_alarms += document["false_alarms"]
        for currency, amount in document["charges"].items():
            self.charged(Decimal(amount), currency)

    def lines(self) -> Iterator[str]:
        """What people read; nothing if no test used the plugin."""
        if self.jobs:
            spent = " + ".join(
                f"{amount.normalize():f} {currency}" for currency, amount in sorted(self.charges.items())
            )
            late = f", and {self.unbilled} not billed yet" if self.unbilled else ""
            yield f"{self.jobs} job{'s' * (self.jobs != 1)}, {spent or 'nothing charged'}{late}"
        if self.comparisons:
            rate = min(1.0, self.false_alarms)
            yield (
                f"{self.comparisons} distribution{'s' * (self.comparisons != 1)} compared; "
                f"false alarms in at most {rate:.2g} of sessions"
            )
