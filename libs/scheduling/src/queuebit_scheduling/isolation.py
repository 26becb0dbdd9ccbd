"""Which jobs are placed on an isolated backend: those of probes, which find out whether it is good again."""

from __future__ import annotations

from typing import Final

from queuebit_scheduling.snapshot import BackendCapacity

__all__ = ["PROBES", "takes"]

PROBES: Final = "probes"
"""The tenant of probes."""


def takes(backend: BackendCapacity, tenant: str) -> bool:
    """Whether a backend takes jobs of a tenant: it answers, and is not isolated for it."""
    return backend.takes_jobs or (tenant == PROBES and backend.silent_since_us is None)
