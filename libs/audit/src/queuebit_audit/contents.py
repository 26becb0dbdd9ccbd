"""I1 for payloads: every payload that an event cites is in the payload store and matches its digest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from queuebit_audit.report import Verdict
from queuebit_audit.state import History
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.wire import Payload
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["Reference", "contents_are_kept", "references", "unreadable"]

_MOST = 2000
"""The most payloads that are read, newest first."""
_AT_ONCE = 16
_LIMIT = 64 << 20
"""The largest result that is read."""


class Reference(NamedTuple):
    """One payload in the store, and its owner."""

    tenant: str
    of: str
    """The job, or the backend of a calibration."""
    what: str
    payload: Payload


def references(history: History) -> list[Reference]:
    """Calibrations, circuits of accepted jobs, and results, but those inside events and those that were erased."""
    calibrations = [Reference(PLATFORM, it.backend, "calibration", it.snapshot) for it in history.calibrations]
    return calibrations + [
        Reference(job.tenant, job.job, what, payload)
        for job in history.jobs.values()
        for what, payload in (("circuit", job.circuits.get(job.accepted_submission or 0)), ("result", job.result))
        if payload is not None and (job.tenant, payload.digest) not in history.erased
    ]


async def unreadable(store: PayloadStore, wanted: Sequence[Reference]) -> dict[Reference, str]:
    """Read the newest payloads; return the reason for each that is missing or does not match its digest.

    Raises:
        Unavailable: the store does not answer.
    """
    turn = asyncio.Semaphore(_AT_ONCE)

    async def read(reference: Reference) -> tuple[Reference, str]:
        async with turn:
            try:
                await store.get(reference.tenant, reference.payload, limit=_LIMIT)
            except Missing as missing:
                return reference, str(missing).removesuffix(": submit it again")
        return reference, ""

    return {it: why for it, why in await asyncio.gather(*map(read, wanted[-_MOST:])) if why}


def contents_are_kept(verdict: Verdict, wanted: Sequence[Reference], failures: Mapping[Reference, str]) -> None:
    """Add lost payloads to a verdict, and the share that was read if that was not all."""
    for reference, why in failures.items():
        verdict.add(f"{reference.tenant}/{reference.of}", f"its {reference.what} is lost: {why}")
    if len(wanted) > _MOST:
        verdict.notes.append(
            f"of {len(wanted)} circuits, results and calibrations in the payload store the newest {_MOST} were read"
        )
