"""One process that attests jobs over a log in memory, and the receipt of a seal."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from queuebit_contracts.job import JobMetered, Seal
from queuebit_proof import Receipt
from queuebit_provenance.ledger import Ledger

Attest = Callable[[JobMetered], Awaitable[None]]
"""Delivers a bill to the process that attests jobs."""


class Attesting(Protocol):
    """Runs one process on a ledger."""

    def __call__(self, ledger: Ledger, *, max_batch: int = 200) -> AbstractAsyncContextManager[Attest]: ...


class WriteLives(Protocol):
    """Writes whole lives of jobs and returns their bills."""

    def __call__(self, *jobs: str, end: str = "completed") -> Awaitable[list[JobMetered]]: ...


def receipt_of(seal: Seal) -> bytes:
    """What any client does with the one event."""
    return Receipt(
        tenant=seal.tenant,
        job=seal.job,
        envelope=base64.b64decode(seal.envelope),
        leaf_index=seal.leaf_index,
        tree_size=seal.tree_size,
        inclusion=tuple(base64.b64decode(node) for node in seal.inclusion),
        checkpoint=seal.checkpoint,
    ).to_bytes()
