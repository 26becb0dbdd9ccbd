"""What keeps this service from sealing."""

from __future__ import annotations

from queuebit_kernel import Fault, Settle

__all__ = ["LogRefused"]


class LogRefused(Fault):
    """The transparency log cannot be continued as it was found; jobs wait until a person has decided.

    Going on would fork a log that others may already have seen.
    """

    code = "log_refused"
    settle = Settle.RETRY_LATER
