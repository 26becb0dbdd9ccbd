"""Hard limits of a job in bodies of requests."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pydantic import AwareDatetime, Field

from queuebit.limits import limits_of
from queuebit_contracts.limits import MOST_NAMES, JobLimits
from queuebit_gateway.bodies import Body

__all__ = ["LimitsBody"]


class LimitsBody(Body):
    """What a backend must offer to run the job at all."""

    min_fidelity: Decimal | None = Field(default=None, gt=0, le=1)
    """The least estimated success probability, such as `0.9`; absent: as its project says."""
    deadline: AwareDatetime | None = None
    """When the result must be there, with a zone: a job that can no longer begin in time ends as `expired`; absent: as
    its project says."""
    backends: tuple[str, ...] = Field(default=(), max_length=MOST_NAMES)
    """It runs on one of these."""
    vendors: tuple[str, ...] = Field(default=(), max_length=MOST_NAMES)
    """It runs at one of these vendors, named as in budgets: `amazon-braket`."""
    regions: tuple[str, ...] = Field(default=(), max_length=MOST_NAMES)
    """It runs in one of these regions."""

    def limits(self) -> JobLimits | None:
        """The limits for the wire; None without any.

        Raises:
            InvalidInput: a value means nothing.
        """
        deadline: datetime | None = self.deadline
        return limits_of(
            [it.lower() for it in self.backends],
            min_fidelity=self.min_fidelity,
            deadline=deadline,
            vendors=self.vendors,
            regions=self.regions,
        )
