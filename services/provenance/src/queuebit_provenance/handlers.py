"""Attest one job."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobCorrected, JobMetered
from queuebit_contracts.subjects import job
from queuebit_kernel import Malformed, Superseded, Unavailable
from queuebit_proof import KeyRing, build_statement, seal
from queuebit_provenance.policy import record_of, seal_of, superseded
from queuebit_provenance.ports import Sealing
from queuebit_provenance.state import Attestation
from queuebit_runtime.log import EventLog
from queuebit_runtime.stored import known_events
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["AttestJob"]

_ENVELOPE_BYTES = 64 * 1024
"""Far above any real statement; a larger one would not fit into one event."""


class AttestJob:
    """Reads a job's history, signs a statement, and waits for its place in the log.

    Faults of one job occur here, before it shares a batch with others.
    """

    def __init__(
        self, log: EventLog, keys: KeyRing, sealing: Sealing, *, salt: Callable[[], bytes], software: str
    ) -> None:
        self._log = log
        self._keys = keys
        self._sealing = sealing
        self._salt = salt
        self._software = software

    async def __call__(self, event: JobMetered | JobCorrected, sequence: int) -> None:
        """Return once the job's receipt is stored.

        Args:
            event: the job's bill, or a correction of it: the last that the receipt states.
            sequence: its place in the log; the history that is attested reaches to it.

        Raises:
            Superseded: the receipt exists already.
            Unavailable: the replica that answered lags behind, or the receipt to supersede does not exist yet.
            Malformed: the job's history cannot be attested.
        """
        aggregate = job(event.data.tenant, event.data.job)
        revision = event.data.revision if isinstance(event, JobCorrected) else None
        history = known_events(await self._log.history(aggregate, reaching=sequence))
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
            envelope = seal(build_statement(record, salt=self._salt()), self._keys)
        except ValueError as error:
            raise Malformed(f"the job's events contradict one another: {error}") from error
        if len(envelope) > _ENVELOPE_BYTES:
            raise Malformed(f"the job's statement takes {len(envelope)} bytes, more than {_ENVELOPE_BYTES}")
        return Attestation(
            tenant=event.data.tenant,
            job=event.data.job,
            envelope=envelope,
            provenanceid=record.request_digest,
            traceparent=current_traceparent() or event.traceparent,
            revision=revision,
            supersedes=record.supersedes,
        )
