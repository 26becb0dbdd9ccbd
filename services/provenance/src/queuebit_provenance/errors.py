"""Faults that prevent sealing."""

from __future__ import annotations

from queuebit_kernel import Fault, Settle

__all__ = ["LogRefused"]


class LogRefused(Fault):
    """The transparency log cannot be continued; jobs wait for a decision of the operator.

    Continuing would fork a log that others may already have seen.
    """

    code = "log_refused"
    settle = Settle.RETRY_LATER
