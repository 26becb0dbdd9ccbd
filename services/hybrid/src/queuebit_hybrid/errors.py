"""The hybrid service's own faults."""

from __future__ import annotations

from queuebit_kernel import Fault

__all__ = ["Refusal"]


class Refusal(Fault):
    """A hybrid job cannot run here; it becomes the reason of its failure. It costs nothing."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.reason = code
