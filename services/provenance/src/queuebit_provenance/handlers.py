"""Attest one job."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobCorrected, JobMetered
from queuebit_contracts.subjects import job
from queuebit_kernel import Malformed, Superseded, Unavailable
from queuebit_proof import build_statement
from queuebit_provenance.policy import record_of, seal_of, superseded
from queuebit_provenance.ports import Histories, Sealing
from queuebit_provenance.state import Attestation
from queuebit_runtime.stored import known_events
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["AttestJob"]

_STATEMENT_BYTES = 48 * 1024
"""Far above any real statement; a larger one might not fit into one event, where text takes up to twice its bytes."""


class AttestJob:
    """Reads a job's history, builds the statement, and waits for its place in the log.

    Faults of one job occur here, before it shares a batch with others.
    """

    def __init__(self, histories: Histories, sealing: Sealing, *, salt: Callable[[], bytes], software: str) -> None:
        self._histories = histories
        self._sealing = sealing
        self._salt = salt
        self._software = software

    async def __call__(self, event: JobMetered | JobCorrected, sequence: int) -> None:
        """Return once the statement is a leaf of the log.

        Args:
            event: the job's bill, or a correction of it: the last that the receipt states.
            sequence: its place in the log; the history that is attested reaches to it.

        Raises:
            Superseded: it is one already.
            Unavailable: the replica that answered lags behind, or the statement to supersede is not in the log yet.
            Malformed: the job's history cannot be attested.
        """
        aggregate = job(event.data.tenant, event.data.job)
        revision = event.data.revision if isinstance(event, JobCorrected) else None
        history = known_events(await self._histories.history(aggregate, reaching=sequence))
        if seal_of(history, revision) is not None:
            raise Superseded(f"job {event.data.job} has this receipt already")
        if revision is not None and superseded(history, revision) is None:
            raise Unavailable(f"job {event.data.job} has no receipt yet that a further one could supersede")
        await self._sealing.seal(self._attest(event, history, revision))

    def _attest(
        self, event: JobMetered | JobCorrected, history: Sequence[AnyEvent], revision: int | None
    ) -> Attestation:
        try:
            record = record_of(history, software=self._software, revision=revision)
            statement = build_statement(record, salt=self._salt())
        except ValueError as error:
            raise Malformed(f"the job's events contradict one another: {error}") from error
        if len(statement) > _STATEMENT_BYTES:
            raise Malformed(f"the job's statement takes {len(statement)} bytes, more than {_STATEMENT_BYTES}")
        return Attestation(
            tenant=event.data.tenant,
            job=event.data.job,
            statement=statement,
            provenanceid=record.request_digest,
            traceparent=current_traceparent() or event.traceparent,
            revision=revision,
            supersedes=record.supersedes,
            workload_class=event.data.workload_class,
        )
