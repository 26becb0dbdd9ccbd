"""Commands of clients. Their names are imperative, and each has one owner."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from queuebit_contracts.job import Signature
from queuebit_contracts.wire import Event, Name, Wire

__all__ = ["CancelJob", "CancelRequest"]


class CancelRequest(Wire):
    """Stop a job if it has not ended."""

    tenant: Name
    job: Name
    reason: str = Field(default="", max_length=200)
    proof: Signature


class CancelJob(Event[CancelRequest]):
    """Owned by the broker, which answers with `JobCancelled` unless the job ended first."""

    type: Literal["qb.job.cancel.v1"] = "qb.job.cancel.v1"
