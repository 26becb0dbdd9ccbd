"""A good history: two tenants, five jobs of every kind of end, real prices, real receipts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from queuebit_audit.inspection import judge
from queuebit_audit.lifecycle import Outstanding
from queuebit_audit.messages import fact_of
from queuebit_audit.proofs import Proofs
from queuebit_audit.records import Root
from queuebit_audit.report import Verdict
from queuebit_audit.rows import Rows, one_truth
from queuebit_audit.state import History
from queuebit_contracts.account import AccountSettled, Settlement
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Cancellation,
    Candidate,
    Charge,
    ChargeLine,
    Compilation,
    Completion,
    Failure,
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobSealed,
    JobStarted,
    Metering,
    Placement,
    Rejection,
    Seal,
    Start,
    Usage,
)
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.transparency import Checkpoint, LogCheckpointed
from queuebit_contracts.wire import Amount, Event, Reason
from queuebit_kernel import digest, job_id
from queuebit_pricing import Bounds, Price, PriceBook, load, plain, quote, rate
from queuebit_pricing import Charge as Rated
from queuebit_pricing import Usage as Consumed
from queuebit_proof import (
    SALT_BYTES,
    JobRecord,
    KeyRing,
    TileLog,
    build_statement,
    entry_of,
    sign_checkpoint,
)
from queuebit_runtime.log import Stored
from queuebit_runtime.payloads import describe
from queuebit_runtime.rows import Row, mark_of, row_of
from queuebit_testing.build import NOON, accepted, funded, held, submitted

BOOK = Path(__file__).parents[3] / "contracts/pricebook/default.toml"
SHOTS, QPU_US = 1000, 2_000
RESULT = b'{"00":500,"11":500}'


@dataclass
class Recording:
    """A history that can be broken: events in order, numbered again when it is judged."""

    ring: KeyRing
    book: PriceBook
    events: list[AnyEvent] = field(default_factory=list)
    subjects: dict[int, str] = field(default_factory=dict)
    """Subjects of events that are stored under a wrong subject, by position."""
    outstanding: Outstanding = field(default_factory=lambda: Outstanding(since=10**9))
    rows: Rows | None = None
    published: Root | None = None

    def find(self, kind: type[AnyEvent], key: str = "") -> int:
        """The position of the first event of a class, of one job if given."""
        for at, event in enumerate(self.events):
            if isinstance(event, kind) and (not key or event.data.job in (job_id("acme", key), job_id("beta", key))):
                return at
        raise LookupError(f"no {kind.__name__} {key}")

    def alter(self, kind: type[AnyEvent], key: str = "", **changes: object) -> None:
        """Replace fields of the data of one event."""
        at = self.find(kind, key)
        event = self.events[at]
        self.events[at] = event.model_copy(update={"data": event.data.model_copy(update=changes)})

    def stored(self) -> Iterable[Stored]:
        for sequence, event in enumerate(self.events, start=1):
            subject = self.subjects.get(sequence - 1) or subject_of(event)
            yield Stored(event, subject, sequence, NOON + timedelta(milliseconds=sequence))

    def history(self) -> History:
        history, proofs = History(), Proofs(self.ring.trust)
        for stored in self.stored():
            history.sequences.append(stored.sequence)
            history.marks.append(mark_of(_row(stored)))
            history.evolve(fact_of(stored, proofs))
        return history

    def table(self) -> Rows:
        """What a faithful warehouse would hold."""
        rows = Rows()
        for stored in self.stored():
            rows.sequences.append(stored.sequence)
            rows.marks.append(mark_of(_row(stored)))
        return rows

    def judged(self) -> dict[str, Verdict]:
        history = self.history()
        verdicts = [
            *judge(history, self.outstanding, self.book, self.published),
            one_truth(history, self.rows or self.table()),
        ]
        return {verdict.invariant: verdict for verdict in verdicts}


def _row(stored: Stored) -> Row:
    assert isinstance(stored.event, Event)
    return row_of(stored.subject, stored.event.to_bytes(), stored.sequence, stored.stored_at)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("proof")
    recording = Recording(KeyRing.open(folder / "keys", "queuebit.example/log", NOON), load(BOOK))
    recording.events += [funded("1.00", tenant="acme"), funded("1.00", tenant="beta")]
    for tenant, key, end, backend in (
        ("acme", "k1", "completed", "aer"),
        ("acme", "k2", "completed", "cirq"),
        ("acme", "k3", "rejected", None),
        ("beta", "k4", "failed", "aer"),
        ("beta", "k5", "cancelled", None),
    ):
        recording.events += _life(recording.book, tenant, key, end, backend)
    recording.events += _sealed(recording, folder / "log")
    return recording


@pytest.fixture
def recording(good: Recording) -> Recording:
    """A copy to break."""
    return replace(good, events=[*good.events], subjects={})


def _life(book: PriceBook, tenant: str, key: str, end: str, backend: str | None) -> list[AnyEvent]:
    job, first = job_id(tenant, key), submitted(key, tenant=tenant, job=job_id(tenant, key))
    if end == "rejected":
        reasons = (Reason(code="over_budget", text="too expensive"),)
        data = Rejection(tenant=tenant, job=job, project="main", reasons=reasons, submitted_at=NOON)
        refused = JobRejected(source="qb/broker", data=data)
        return [first, refused, _metered(book, tenant, job, end, None, Usage(), None)]
    where = backend or "aer"
    price = book.price_for(where, NOON)
    hold = Amount(amount=plain(quote(price, _bounds()).amount))
    events: list[AnyEvent] = [first, held(job, hold.amount, tenant=tenant), _accepted(tenant, job, where, price, hold)]
    usage = Usage(shots=SHOTS if end == "completed" else 0, qpu_us=QPU_US, qubits=2) if backend else Usage()
    if backend:
        events += _ran(tenant, job, backend, end, usage)
    else:
        events.append(
            JobCancelled(source="qb/broker", data=Cancellation(tenant=tenant, job=job, by="ann", submitted_at=NOON))
        )
    metered = _metered(book, tenant, job, end, price if backend else None, usage, hold)
    charge = metered.data.charge.amount
    back = plain(Decimal(hold.amount) - Decimal(charge))
    settled = Settlement(
        tenant=tenant,
        account="main",
        job=job,
        held=hold,
        settled=Amount(amount=charge),
        released=Amount(amount=back),
    )
    return [*events, metered, AccountSettled(source="qb/metering", data=settled)]


def _bounds() -> Bounds:
    return Bounds(shots=SHOTS, qpu_us=QPU_US, qubits=2)


def _accepted(tenant: str, job: str, backend: str, price: Price, hold: Amount) -> JobAccepted:
    event = accepted(job, tenant=tenant, backend=backend)
    candidate = Candidate(backend=backend, price=price.id, hold=hold.amount, qpu_us=QPU_US)
    return event.model_copy(update={"data": event.data.model_copy(update={"candidates": (candidate,), "hold": hold})})


def _ran(tenant: str, job: str, backend: str, end: str, usage: Usage) -> list[AnyEvent]:
    placed = Placement(
        tenant=tenant,
        project="main",
        job=job,
        backend=backend,
        shots=SHOTS,
        circuit=digest(b"circuit"),
        seed=7,
        qpu_us=QPU_US,
        policy="p",
        snapshot=digest(b"snapshot"),
        scores=(),
        submitted_at=NOON,
        accepted_at=NOON,
    )
    started = Start(tenant=tenant, job=job, backend=backend, attempt=1, executor="one")
    times = {"submitted_at": NOON, "accepted_at": NOON, "placed_at": NOON, "started_at": NOON}
    common = {"tenant": tenant, "job": job, "backend": backend, "attempt": 1, "usage": usage, **times}
    ended: AnyEvent
    if end == "failed":
        reason = Reason(code="executor_lost", text="three attempts were lost")
        ended = JobFailed(source="qb/executor-aer", data=Failure.model_validate({**common, "reason": reason}))
    else:
        compiled = Compilation(
            compiler="qiskit", digest=digest(b"t"), seed=1, depth=3, two_qubit_gates=1, duration_ns=9
        )
        result = describe(RESULT, "application/json")
        fields = {**common, "shots": SHOTS, "result": result, "compilation": compiled}
        ended = JobCompleted(source="qb/executor-aer", data=Completion.model_validate(fields))
    return [JobPlaced(source="qb/scheduler", data=placed), JobStarted(source="qb/executor-aer", data=started), ended]


def charge_of(rated: Rated) -> Charge:
    """A charge as a bill states it."""
    lines = tuple(
        ChargeLine(
            price=rated.price.id,
            component=it.component,
            unit=it.unit,
            consumed=plain(it.consumed),
            billed=plain(it.billed),
            unit_price=plain(it.unit_price),
            amount=plain(it.amount),
        )
        for it in rated.lines
    )
    return Charge(amount=plain(rated.amount), currency=rated.currency, jbu=plain(rated.jbu), lines=lines)


def _metered(
    book: PriceBook, tenant: str, job: str, end: str, price: Price | None, usage: Usage, hold: Amount | None
) -> JobMetered:
    charge = Charge(amount="0.00", currency="USD", jbu="0")
    if price is not None:
        consumed = Consumed(
            shots_requested=SHOTS, shots_completed=usage.shots, qpu_us=usage.qpu_us, qubits=usage.qubits
        )
        rated = rate(price, consumed, "completed" if end == "completed" else "failed", _bounds())
        charge = charge_of(rated)
    fields = {
        "tenant": tenant,
        "project": "main",
        "job": job,
        "state": end,
        "usage": usage,
        "charge": charge,
        "price_book": book.digest,
        "hold": hold,
        "submitted_at": NOON,
        "ended_at": NOON,
    }
    return JobMetered(source="qb/metering", data=Metering.model_validate(fields))


def _sealed(recording: Recording, folder: Path) -> list[AnyEvent]:
    """All jobs in two batches, as the provenance service commits them."""
    bills = [event.data for event in recording.events if isinstance(event, JobMetered)]
    log, events = TileLog(folder), list[AnyEvent]()
    for batch in (bills[:2], bills[2:]):
        statements = [_statement(bill) for bill in batch]
        first = log.append(entry_of(it) for it in statements)
        head = log.head(recording.ring.origin)
        checkpoint = sign_checkpoint(head, recording.ring, NOON)
        for index, (bill, statement) in enumerate(zip(batch, statements, strict=True), start=first):
            data = Seal(
                tenant=bill.tenant,
                job=bill.job,
                statement=digest(statement),
                text=statement.decode(),
                leaf_index=index,
                tree_size=head.size,
            )
            events.append(JobSealed(source="qb/provenance", data=data))
        written = Checkpoint(log="main", tree_size=head.size, checkpoint=checkpoint)
        events.append(LogCheckpointed(source="qb/provenance", data=written))
    return events


def _statement(bill: Metering) -> bytes:
    record = JobRecord(
        tenant=bill.tenant,
        project=bill.project,
        job=bill.job,
        outcome=bill.state,
        request_digest=digest(b"request"),
        result_digest=digest(RESULT) if bill.state == "completed" else None,
        software="queuebit",
        submitted_at=NOON,
        finished_at=NOON,
    )
    return build_statement(record, salt=bytes(SALT_BYTES))
