"""What a job came to, be it one circuit or a program of many items."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_contracts.job import Compilation, ItemSummary, Usage
from queuebit_contracts.quality import Expected
from queuebit_contracts.sharing import SharedRun
from queuebit_contracts.wire import Digest, Reason

__all__ = ["Finished"]


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of a run that completed."""

    content: bytes
    """The result: counts of a circuit, `queuebit_contracts.results.Results` of a program."""
    media_type: str
    usage: Usage
    compilation: Compilation | None
    """Of all circuits together; none where no item completed."""
    calibration: Digest | None = None
    items: ItemSummary | None = None
    """Of a program."""
    asked: tuple[int, ...] = ()
    """Of a program: the shots that the counts of each item sum to."""
    expected: tuple[Expected | None, ...] = ()
    """Of a program: what the counts of each item must resemble; empty where nothing is asked."""
    reason: Reason | None = None
    """Why the job failed: no item completed."""
    suspect: Reason | None = None
    """Why the result may be wrong although the job completed."""
    post: tuple[str, ...] | None = None
    """The steps that processed the counts of a program."""
    shared: SharedRun | None = None
    """The run with other circuits on the device; None: it ran alone."""
