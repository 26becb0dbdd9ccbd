"""Jobs and how they end, in few words, priced by a book with every kind of component."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Acceptance,
    Cancellation,
    Candidate,
    Compilation,
    Completion,
    Ended,
    Expiry,
    Failure,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobExpired,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobStarted,
    JobUsageReported,
    Placement,
    Profile,
    Rejection,
    Start,
    Usage,
    UsageReport,
)
from queuebit_contracts.wire import Amount, Payload, Reason
from queuebit_kernel import Money
from queuebit_metering.bills import Bills
from queuebit_metering.policy import bill
from queuebit_metering.state import job_of
from queuebit_pricing import Bounds, PriceBook, parse, quote
from queuebit_testing.build import submitted

DIGEST = "sha256:" + "0" * 64
THEN = datetime(2026, 11, 1, tzinfo=UTC)
TIMES: dict[str, datetime] = dict.fromkeys(("submitted_at", "accepted_at", "placed_at", "started_at"), THEN)

BOOK = """
version = "2026-11-01"
currency = "USD"
[[price]]
id = "aer-1"
backend = "aer"
valid_from = 2026-01-01T00:00:00Z
valid_until = 2026-02-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "high"
per_task = "0.001"
per_shot = "0.000001"
per_second = { amount = "0.01", quantum = "0.001" }
per_qubit_second = { amount = "0.001", quantum = "0.001" }
jbu = { task = "1", second = "1", qubit_second = "0.1" }
[[price]]
id = "device-1"
backend = "device-*"
valid_from = 2026-01-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "high"
per_second = { amount = "1.60", quantum = "0.001", minimum = "1" }
"""

PRICES = {"aer": "aer-1", "device-1": "device-1"}


class Alone(Bills):
    """No other job ends in the same moment."""

    def __init__(self) -> None: ...

    async def store(self, facts: Sequence[AnyEvent]) -> bool:
        return False


class Life:
    """A job `j1` of acme, with a hold exactly as large as the book demands."""

    def __init__(self, *, shots: int = 1000, qpu_us: int = 2_000_000, qubits: int = 2, job: str = "j1") -> None:
        self.book: PriceBook = parse(BOOK)
        self.shots, self.qpu_us, self.qubits, self.job = shots, qpu_us, qubits, job
        bounds = Bounds(shots=shots, qpu_us=qpu_us, qubits=qubits)
        self.holds = {backend: quote(self.book.price(price), bounds).money for backend, price in PRICES.items()}

    @property
    def hold(self) -> Money:
        return max(self.holds.values(), key=lambda money: money.amount)

    def submitted(self) -> AnyEvent:
        return submitted(job=self.job)

    def accepted(self, **changes: object) -> JobAccepted:
        terms = Acceptance(
            tenant="acme",
            project="main",
            job=self.job,
            user="ann",
            share=1,
            shots=self.shots,
            circuit=DIGEST,
            profile=Profile(qubits=self.qubits, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64),
            candidates=tuple(
                Candidate(backend=backend, price=price, hold=self.holds[backend].text(), qpu_us=self.qpu_us)
                for backend, price in PRICES.items()
            ),
            hold=Amount(amount=self.hold.text()),
            price_book=DIGEST,
            seed=7,
            submitted_at=THEN,
        )
        return JobAccepted(source="qb/broker", data=terms.model_copy(update=changes))

    def placed(self, backend: str = "aer") -> JobPlaced:
        return JobPlaced(
            source="qb/scheduler",
            data=Placement(
                tenant="acme",
                project="main",
                job=self.job,
                backend=backend,
                shots=self.shots,
                circuit=DIGEST,
                seed=7,
                qpu_us=self.qpu_us,
                policy="p",
                snapshot=DIGEST,
                scores=(),
                submitted_at=THEN,
                accepted_at=THEN,
            ),
        )

    def completed(self, backend: str = "aer", *, final: bool = True, **used: int) -> JobCompleted:
        usage = {"shots": self.shots, "qpu_us": 1500, "qubits": self.qubits} | used
        return JobCompleted(
            source="qb/executor-aer",
            provenanceid=DIGEST,
            data=Completion(
                tenant="acme",
                job=self.job,
                backend=backend,
                attempt=1,
                shots=self.shots,
                result=Payload(digest=DIGEST, size=2, media_type="application/json", inline="{}"),
                usage=Usage(**usage, final=final),
                compilation=Compilation(compiler="c", digest=DIGEST, seed=7, depth=3, two_qubit_gates=1, duration_ns=1),
                **TIMES,
            ),
        )

    def preempted(self, backend: str = "aer", **used: int) -> JobFailed:
        failed = self.failed(backend, **used)
        reason = Reason(code="preempted", text="the vendor stopped the run for another")
        return failed.model_copy(update={"data": failed.data.model_copy(update={"reason": reason})})

    def failed(self, backend: str = "aer", **used: int) -> JobFailed:
        data = Failure(
            tenant="acme",
            job=self.job,
            backend=backend,
            attempt=1,
            reason=Reason(code="c", text="t"),
            usage=Usage(**used),
            **TIMES,
        )
        return JobFailed(source="qb/executor-aer", data=data)

    def started(self, *, reports_usage: bool | None = None) -> JobStarted:
        data = Start(
            tenant="acme", job=self.job, backend="aer", attempt=1, executor="aer-1", reports_usage=reports_usage
        )
        return JobStarted(source="qb/executor-aer", data=data)

    def reported(self, revision: int, *, final: bool = True, backend: str = "aer", **used: int) -> JobUsageReported:
        usage = Usage(**{"shots": self.shots, "qpu_us": 1500, "qubits": self.qubits} | used, final=final)
        data = UsageReport(
            tenant="acme", job=self.job, backend=backend, attempt=1, revision=revision, usage=usage, reason="late"
        )
        return JobUsageReported(source="qb/executor-aer", provenanceid=DIGEST, data=data)

    def metered(self, ended: Ended, *history: AnyEvent) -> JobMetered:
        """The bill of an end, after what is given or an accepted and placed job."""
        job = job_of([*(history or (self.accepted(), self.placed())), ended])
        return JobMetered(source="qb/metering", data=bill(job, ended, self.book))

    def cancelled(self) -> JobCancelled:
        data = Cancellation(tenant="acme", job=self.job, by="ann", submitted_at=THEN)
        return JobCancelled(source="qb/broker", data=data)

    def expired(self) -> JobExpired:
        data = Expiry(
            tenant="acme",
            project="main",
            job=self.job,
            reason=Reason(code="deadline_missed", text="t"),
            deadline=THEN,
            submitted_at=THEN,
            accepted_at=THEN,
        )
        return JobExpired(source="qb/scheduler", data=data)

    def rejected(self) -> JobRejected:
        reasons = (Reason(code="c", text="t"),)
        data = Rejection(tenant="acme", job=self.job, project="main", reasons=reasons, submitted_at=THEN)
        return JobRejected(source="qb/broker", data=data)


@pytest.fixture(scope="session")
def life_of() -> type[Life]:
    return Life


@pytest.fixture
def life() -> Life:
    return Life()


@pytest.fixture(scope="session")
def book_text() -> str:
    return BOOK
