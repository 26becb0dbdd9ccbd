"""What the alerting service refuses."""

from __future__ import annotations

from queuebit_contracts.wire import Reason

__all__ = ["Denied"]


class Denied(Exception):
    """A request of the operator is refused, with the reason."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(code=code, text=text)
