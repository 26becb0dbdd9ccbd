"""The service levels that are promised: `slos.toml` of this version, or the document that a stack has instead."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from queuebit_contracts.wire import DecimalText, Name
from queuebit_kernel import digest_of

__all__ = ["BUCKETS_MS", "Objective", "Objectives", "objectives", "objectives_text", "parse_objectives"]

BUCKETS_MS: Final = (
    10, 20, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 15000, 30000, 60000, 120000,
    300000, 600000, 1800000, 3600000,
)  # fmt: skip
"""Upper bounds of the buckets that durations are counted in, in milliseconds. The warehouse's table `events` holds the
same list. A threshold must be one of them: then what is good is counted exactly."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Objective(_Entry):
    """One promise and the share of cases in which it has to hold."""

    promise: str = Field(max_length=500)
    """The promise, in words."""
    indicator: Literal["success", "queue_wait", "end_to_end", "receipts", "events"]
    """What is counted."""
    target: DecimalText
    """The share of good cases: between 0 and 1, as text."""
    threshold_ms: int | None = None
    """For durations: the longest that is good."""
    within_s: int = Field(default=0, ge=0)
    """For completeness: how long something may be missing."""


class Objectives(_Entry):
    """The whole document."""

    window_days: int = Field(ge=1, le=365)
    """The days over which cases are counted."""
    slo: dict[Name, Objective] = Field(default_factory=dict)
    """The objectives, by name."""

    @model_validator(mode="after")
    def _can_be_evaluated(self) -> Objectives:
        for name, objective in self.slo.items():
            if not 0 < Decimal(objective.target) < 1:
                raise ValueError(f"{name}: target is a share between 0 and 1, and neither: at 1 nothing may ever fail")
            timed = objective.indicator in ("queue_wait", "end_to_end")
            if timed != (objective.threshold_ms is not None):
                raise ValueError(f"{name}: durations have a threshold_ms, and nothing else does")
            if timed and objective.threshold_ms not in BUCKETS_MS:
                bounds = ", ".join(map(str, BUCKETS_MS))
                raise ValueError(f"{name}: threshold_ms must be one of {bounds}, so that it is counted exactly")
        return self

    @property
    def digest(self) -> str:
        """The digest of the content."""
        return digest_of(self.model_dump(mode="json"))


def objectives_text() -> str:
    """The objectives of this version, as TOML."""
    return files("queuebit_contracts").joinpath("slos.toml").read_text(encoding="utf-8")


def parse_objectives(text: str) -> Objectives:
    """Read a document.

    Raises:
        ValueError: it is not TOML, or breaks the rules.
    """
    return Objectives.model_validate(tomllib.loads(text))


@cache
def objectives() -> Objectives:
    """The objectives of this version."""
    return parse_objectives(objectives_text())
