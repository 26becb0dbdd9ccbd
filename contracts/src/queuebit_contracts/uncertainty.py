"""The uncertainty that a result names; `queuebit_contracts.intervals` computes it."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from queuebit_contracts.intervals import LEVEL, METHOD
from queuebit_contracts.wire import Wire

__all__ = ["STANDARD_ERROR", "WILSON", "Uncertainty"]


class Uncertainty(Wire):
    """How the uncertainty of a result is computed. It covers shot noise, not errors of the device."""

    method: str = Field(max_length=64)
    """`wilson`: a Wilson score interval for the share of each outcome, which follows from the counts.
    `standard-error`: each value has its standard error beside it."""
    level: str | None = Field(default=None, pattern=r"^0\.[0-9]{1,9}$")
    """The confidence level of each interval, an exact decimal; absent where the method has none."""


WILSON: Final = Uncertainty(method=METHOD, level=LEVEL)
"""Of counts, and of results that name no method."""

STANDARD_ERROR: Final = Uncertainty(method="standard-error")
"""Of expectation values and other estimates."""
