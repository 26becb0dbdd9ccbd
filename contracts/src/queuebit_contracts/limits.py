"""Hard limits: what a backend must offer to run a job at all, and how much a tenant may use in a window."""

from __future__ import annotations

from typing import Final

from pydantic import Field, StrictInt

from queuebit_contracts.wire import Moment, Name, Wire

__all__ = ["MOST_NAMES", "JobLimits"]

MOST_NAMES: Final = 16
"""The most backends, vendors or regions that one limit names."""


class JobLimits(Wire):
    """What a backend must offer to run a job; absent fields limit nothing.

    In a submission: what its author demands. In an acceptance: these together with the limits of its project and the
    regions of its tenant. Numbers are checked by the broker, so that the author reads what is wrong with them.
    """

    min_esp_ppm: StrictInt | None = None
    """The least estimated success probability, in parts per million. An ideal simulator has all of it."""
    deadline: Moment | None = None
    """When the result must be there. A job that cannot start in time any more ends as `expired`."""
    backends: tuple[Name, ...] | None = Field(default=None, max_length=MOST_NAMES)
    """It runs on one of these."""
    vendors: tuple[Name, ...] | None = Field(default=None, max_length=MOST_NAMES)
    """It runs at one of these vendors, named as in budgets: `amazon-braket`."""
    regions: tuple[Name, ...] | None = Field(default=None, max_length=MOST_NAMES)
    """It runs in one of these regions. A backend whose region is not known is in none."""

    @property
    def empty(self) -> bool:
        """Whether it limits nothing."""
        return not self.model_dump(exclude_none=True)
