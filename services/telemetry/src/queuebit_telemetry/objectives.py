"""The service levels that are promised, as `slos.toml` of the contracts states them."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from queuebit_contracts.wire import DecimalText

__all__ = ["Objective", "Objectives", "objectives"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Objective(_Entry):
    """One promise and the share of cases in which it has to hold."""

    promise: str
    indicator: Literal["success", "queue_wait", "end_to_end", "receipts", "events"]
    target: DecimalText
    threshold_ms: int | None = None
    """For durations: the longest that is good."""
    within_s: int = Field(default=0, ge=0)
    """For completeness: how long something may be missing."""


class Objectives(_Entry):
    """The whole file."""

    window_days: int = Field(ge=1, le=365)
    buckets_ms: tuple[int, ...]
    slo: dict[str, Objective]

    @model_validator(mode="after")
    def _can_be_evaluated(self) -> Objectives:
        for name, objective in self.slo.items():
            if not 0 < Decimal(objective.target) < 1:
                raise ValueError(f"{name}: target is a share between 0 and 1, and neither: at 1 nothing may ever fail")
            timed = objective.indicator in ("queue_wait", "end_to_end")
            if timed != (objective.threshold_ms is not None):
                raise ValueError(f"{name}: durations have a threshold_ms, and nothing else does")
            if timed and objective.threshold_ms not in self.buckets_ms:
                raise ValueError(f"{name}: threshold_ms must be one of buckets_ms, so that it is counted exactly")
        return self


@cache
def objectives() -> Objectives:
    """The objectives of this version.

    Raises:
        pydantic.ValidationError: the file breaks its rules.
    """
    return Objectives.model_validate(tomllib.loads(files("queuebit_contracts").joinpath("slos.toml").read_text()))
