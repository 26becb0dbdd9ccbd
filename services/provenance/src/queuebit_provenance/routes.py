"""The subscriber of the service."""

from faststream.nats import NatsRouter

from queuebit_contracts.job import JobCorrected, JobMetered
from queuebit_provenance.handlers import AttestJob
from queuebit_runtime.consumers import LogSequence, subscribes

__all__ = ["routes"]


def routes(attest: AttestJob, *, workers: int) -> NatsRouter:
    """Attest every bill and every correction of one; `workers` deliveries may wait for the same batch."""
    router = NatsRouter()

    @subscribes(router, "provenance-metered", workers=workers)
    async def on_metered(event: JobMetered, sequence: LogSequence) -> None:
        """Give the job a receipt."""
        await attest(event, sequence)

    @subscribes(router, "provenance-corrected", workers=workers)
    async def on_corrected(event: JobCorrected, sequence: LogSequence) -> None:
        """Give the job a receipt that supersedes the one before."""
        await attest(event, sequence)

    return router
