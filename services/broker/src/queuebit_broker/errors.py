"""The broker's own faults."""

from __future__ import annotations

from queuebit_kernel import Fault

__all__ = ["Forbidden"]


class Forbidden(Fault):
    """The request is not permitted; it becomes a dead letter, which the operator may replay after a change."""

    code = "forbidden"
