"""The newest receipt of a job, which provenance signs on request."""

from __future__ import annotations

from queuebit.queries import ask
from queuebit_contracts.job import JobSealed
from queuebit_gateway.platform import History, Platform

__all__ = ["receipt_in", "receipt_of"]


async def receipt_of(platform: Platform, tenant: str, job: str) -> bytes | None:
    """The newest receipt of a job; None if it has none yet.

    Raises:
        Problem: the tenant has no such job.
        Refused: the receipt cannot be signed.
        Unreachable: provenance does not answer.
    """
    return await receipt_in(platform, await platform.history(tenant, job))


async def receipt_in(platform: Platform, history: History) -> bytes | None:
    """As `receipt_of`, of a history."""
    seals = [it.event.data for it in history.entries if isinstance(it.event, JobSealed)]
    if not seals:
        return None
    seal = max(seals, key=lambda it: it.revision or 0)
    (row,) = await ask(platform.transport, seal.tenant, "receipt", job=seal.job, revision=seal.revision)
    return str(row["receipt"]).encode()
