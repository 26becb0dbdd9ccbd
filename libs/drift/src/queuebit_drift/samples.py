"""What is watched: streams of samples, and how each is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from types import MappingProxyType
from typing import Final, Literal

from queuebit_drift.detection import Detector
from queuebit_drift.registry import restored

__all__ = ["CALIBRATIONS", "QUALITY", "SPEND", "WAITS", "Sample", "Stream", "Watching"]

_Scale = Literal["share", "log"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value of a stream."""

    at: datetime
    value: float
    """A share from 0 to 1, or the natural logarithm of a positive quantity: see `Watching.scale`."""
    shots: int = 0
    """How many trials a share comes from; 0 for a logarithm."""
    epoch: str = ""
    """The calibration or version of the backend under which it was measured. Another one starts a new reference."""
    evidence: str = ""
    """The id of the job or event that it comes from."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a sequence of samples is of, such as `quality` of a circuit on a backend."""

    measure: str
    """`quality`, `success`, `readout_error`, `gate_error`, `two_qubit_error`, `t1`, `t2`, `wait` or `spend`."""
    backend: str = ""
    tenant: str = ""
    part: str = ""
    """A circuit, `q3` for a qubit, `q1-q3` for a coupler; empty for the whole."""

    @property
    def id(self) -> str:
        """The same for the same stream, and different for different ones."""
        return "/".join((self.measure, self.tenant, self.backend, self.part))


@dataclass(frozen=True, slots=True)
class Watching:
    """How a stream is judged. A change is drift if it is sustained, significant, and larger than `effect`."""

    detector: Mapping[str, object]
    """The state of an empty detector, or of one that has seen samples."""
    scale: _Scale
    effect: float
    """The least change that matters: for shares a Hellinger infidelity; for logarithms their difference."""
    reference: int = 60
    """How many samples the reference is learned from."""
    span: timedelta = timedelta(0)
    """The least time that the reference takes; 14 days for a season."""
    seasonal: bool = False
    """Whether hour of day and day of week are removed."""
    worse: Literal["up", "down", "both"] = "both"
    """Significant changes in the other direction, of any size, start a new reference, and are no drift."""
    calm: int = 10
    """After a change, how many samples at the reference in a row end it."""
    recent: int = 200
    """Samples that are kept to measure the effect of a change and to name its evidence."""

    def fresh(self) -> Detector:
        """A detector that starts as `detector` says."""
        return restored(self.detector)


def _cusum(allowance: float, threshold: float) -> Mapping[str, object]:
    side = MappingProxyType({"sum": 0.0, "since": None, "total": 0.0, "samples": 0})
    return MappingProxyType(
        {"detector": "cusum", "allowance": allowance, "threshold": threshold, "clip": 3.0, "up": side, "down": side}
    )


QUALITY: Final = Watching(_cusum(0.5, 15.0), "share", effect=0.002, worse="down")
"""The default for shares of shots or jobs: no false alarm in 7 days of history without a change (docs/drift.md)."""

CALIBRATIONS: Final = Watching(_cusum(1.0, 7.0), "log", effect=log(1.3), reference=28, worse="up", calm=3, recent=30)
"""For values of calibrations, of which there is one a day: an error that doubles is mostly found within a week. For
times T1 and T2, `streams.calibrations` gives the logarithm of the inverse, so that up is worse."""

WAITS: Final = Watching(
    _cusum(1.0, 20.0), "log", effect=log(1.5), reference=200, span=timedelta(days=14), seasonal=True, worse="up"
)
"""For waits, with the season of the day and week removed. The wait of an hour resembles that of the hour before, so
that a run of long ones proves less: allowance and threshold are larger than for results (docs/drift.md)."""

SPEND: Final = Watching(
    _cusum(0.5, 10.0), "log", effect=log(1.5), reference=28, span=timedelta(days=14), seasonal=True, worse="up", calm=3
)
"""For the spend of a day."""
