"""Processes that attest jobs and issue receipts, over a log in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from queuebit_contracts.job import JobMetered, Seal
from queuebit_provenance.ledger import Ledger

Attest = Callable[[JobMetered], Awaitable[None]]
"""Delivers a bill to the process that attests jobs."""


class Attesting(Protocol):
    """Runs one process on a ledger."""

    def __call__(self, ledger: Ledger, *, max_batch: int = 200) -> AbstractAsyncContextManager[Attest]: ...


class WriteLives(Protocol):
    """Writes whole lives of jobs and returns their bills."""

    def __call__(self, *jobs: str, end: str = "completed") -> Awaitable[list[JobMetered]]: ...


class ReceiptOf(Protocol):
    """Asks a process for the receipt of a seal."""

    def __call__(self, seal: Seal) -> Awaitable[bytes]: ...
