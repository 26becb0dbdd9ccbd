"""Which messages reach the handler."""

from __future__ import annotations

from typing import Annotated

from faststream.nats import NatsRouter
from pydantic import Field

from queuebit_contracts.hybrid import HybridCancelled, HybridCompleted, HybridFailed
from queuebit_contracts.job import Ended, JobUsageReported
from queuebit_contracts.reservation import ReservationEnded
from queuebit_contracts.session import SessionClosed
from queuebit_metering.handlers import CorrectBill, MeterJob
from queuebit_metering.hybrids import MeterHybridJobs
from queuebit_metering.reservations import MeterReservation
from queuebit_metering.sessions import MeterSession
from queuebit_runtime.consumers import LogSequence, Redelivered, subscribes

__all__ = ["hybrid_routes", "reservations", "routes", "sessions"]

_AnyEnd = Annotated[Ended, Field(discriminator="type")]
_AnyHybridEnd = Annotated[HybridCompleted | HybridFailed | HybridCancelled, Field(discriminator="type")]


def routes(meter: MeterJob, correct: CorrectBill, *, workers: int) -> NatsRouter:
    """Jobs that ended, and usage that comes later."""
    router = NatsRouter()

    @subscribes(router, "metering-ended", workers=workers)
    async def on_ended(event: _AnyEnd, again: Redelivered) -> None:
        """Bill a job that ended."""
        await meter(event, again=again)

    @subscribes(router, "metering-reported", workers=workers)
    async def on_reported(event: JobUsageReported, sequence: LogSequence) -> None:
        """Correct the bill of a job."""
        await correct(event, sequence)

    return router


def sessions(meter: MeterSession) -> NatsRouter:
    """Sessions that closed."""
    router = NatsRouter()

    @subscribes(router, "metering-sessions", workers=1)
    async def on_closed(event: SessionClosed) -> None:
        """Bill the idle time of a session that closed."""
        await meter(event)

    return router


def reservations(meter: MeterReservation) -> NatsRouter:
    """Reservations that ended."""
    router = NatsRouter()

    @subscribes(router, "metering-reservations", workers=1)
    async def on_reservation_ended(event: ReservationEnded) -> None:
        """Bill the time of a reservation."""
        await meter(event)

    return router


def hybrid_routes(meter: MeterHybridJobs) -> NatsRouter:
    """Hybrid jobs that ended."""
    router = NatsRouter()

    @subscribes(router, "metering-hybrids", workers=4)
    async def on_hybrid_ended(event: _AnyHybridEnd) -> None:
        """Bill the time of a hybrid job that ended."""
        await meter(event)

    return router
