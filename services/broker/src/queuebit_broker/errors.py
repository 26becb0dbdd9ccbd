"""The broker's own faults."""

from __future__ import annotations

from queuebit_kernel import Fault

__all__ = ["Forbidden"]


class Forbidden(Fault):
    """Someone may not do what they ask for; a dead letter tells the operator, who may replay it once that changed."""

    code = "forbidden"
