"""The subscribers of the service."""

from faststream.nats import NatsRouter

from queuebit_contracts.job import JobCorrected, JobMetered
from queuebit_contracts.query import Answer, Question
from queuebit_provenance.handlers import AttestJob
from queuebit_provenance.receipts import IssueReceipt
from queuebit_provenance.user_statements import GiveLeaf
from queuebit_runtime.access_recorder import Recorder
from queuebit_runtime.consumers import LogSequence, subscribes
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import Tenant

__all__ = ["queries", "routes"]


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


def queries(receipt: IssueReceipt, leaf: GiveLeaf, access: Recorder | None = None) -> NatsRouter:
    """Issue receipts and give leaves, one at a time for each tenant: a signature takes about a millisecond.

    `access` counts them.
    """
    server = QueryServer("provenance", side_by_side=1, access=access)

    @server.answers("receipt")
    async def on_receipt(tenant: Tenant, question: Question) -> Answer:
        """Sign the statement about a sealed job, and return its receipt."""
        return await receipt(tenant, question)

    @server.answers("leaf")
    async def on_leaf(tenant: Tenant, question: Question) -> Answer:
        """Make a statement of a user a leaf of the log, and return the proof."""
        del tenant
        return await leaf(question)

    return server.router
