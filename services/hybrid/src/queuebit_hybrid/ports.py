"""The ports of the handlers."""

from __future__ import annotations

from typing import Protocol

from queuebit_contracts.hybrid import HybridAcceptance, HybridSubmission
from queuebit_contracts.wire import Payload
from queuebit_hybrid.policy import Measured
from queuebit_hybrid.usage_file import Progress
from queuebit_runtime.log import EventLog
from queuebit_runtime.payloads import PayloadStore

__all__ = ["EventLog", "Payload", "PayloadStore", "Running", "Runs"]


class Running(Protocol):
    """One attempt."""

    @property
    def result(self) -> bytes | None:
        """What it saved, JSON."""
        ...

    def progress(self) -> Progress:
        """What all attempts used and wrote so far."""
        ...

    def stop(self) -> None:
        """End it soon."""
        ...

    async def run(self, source: str, left_s: float) -> Measured:
        """Run the file; raises `Refusal` if it cannot run here."""
        ...


class Runs(Protocol):
    """Makes attempts."""

    def attempt(self, job: HybridAcceptance, before: Progress) -> Running:
        """Prepare an attempt."""
        ...

    async def finish(self, job: HybridAcceptance | HybridSubmission) -> None:
        """Close the session that has the cap of a job, and end its key; raises `Unavailable`."""
        ...
