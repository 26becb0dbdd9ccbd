"""Which messages reach the handler."""

from __future__ import annotations

from typing import Annotated

from faststream.nats import NatsRouter
from pydantic import Field

from queuebit_contracts.job import Ended
from queuebit_metering.handlers import MeterJob
from queuebit_runtime.consumers import subscribes

__all__ = ["routes"]

_AnyEnd = Annotated[Ended, Field(discriminator="type")]


def routes(meter: MeterJob, *, workers: int) -> NatsRouter:
    """The one duty of metering."""
    router = NatsRouter()

    @subscribes(router, "metering-ended", workers=workers)
    async def on_ended(event: _AnyEnd) -> None:
        """Bill a job that ended."""
        await meter(event)

    return router
